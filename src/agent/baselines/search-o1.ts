/**
 * Search-o1 (arXiv 2501.05366), the original form: one growing text of reasoning, queries between marks, each answered by what
 * a second call of the model makes of the documents; the answer in a box.
 */
import type { GenerateRequest, Segment } from '../../protocol/language-model';
import type { System } from '../../protocol/system';
import { MAX_QUERY_CHARACTERS } from '../action';
import { concluded } from '../answer';
import { shownDocuments } from '../observation';
import { asked, generation, tryRetrieve, type RunStream } from '../run-events';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';
import { condense, finalInformation, reasoningSteps } from './reason-in-documents';
import { searchO1Instruction, searchO1Task } from './search-o1-prompt';
import {
  ALREADY_SEARCHED,
  BOX_NOW,
  boxedAnswer,
  closingQuery,
  LIMIT_REACHED,
  ownWords,
  plainAnswer,
  QUERY_END,
  RESULT_BEGIN,
  RESULT_END,
  untilClosed,
} from './search-o1-text';

export interface SearchO1Settings extends AnswerSettings {
  /** Searches of one question, at most: the original's single-hop sets have 5, its multi-hop sets 10. */
  searchLimit: number;
  maxTurns: number;
  documentsPerQuery: number;
  documentCharacters: number;
  responseTokens: number;
  temperature: number;
  topP: number;
  topK: number;
  /** 1.05 for QwQ, else 1. */
  repetitionPenalty: number;
}

export function searchO1Settings(given: Partial<SearchO1Settings> = {}): SearchO1Settings {
  return {
    ...naiveRagSettings(given),
    searchLimit: 10,
    maxTurns: 15,
    documentsPerQuery: 10,
    documentCharacters: 3000,
    responseTokens: 8192,
    temperature: 0.7,
    topP: 0.8,
    topK: 20,
    repetitionPenalty: 1,
    ...given,
  };
}

export function createSearchO1(parts: BaselineParts, given: Partial<SearchO1Settings> = {}): System {
  const { mode } = searchO1Settings(given);
  return baselineSystem('search-o1', parts, mode, (run) =>
    new SearchO1Run(run, searchO1Settings({ ...given, mode: run.mode })).stream(),
  );
}

class SearchO1Run {
  readonly #run: BaselineRun;
  readonly #settings: SearchO1Settings;
  readonly #continuation: Segment[] = [];
  readonly #searched = new Set<string>();
  readonly #passageIds = new Set<string>();

  constructor(run: BaselineRun, settings: SearchO1Settings) {
    this.#run = run;
    this.#settings = settings;
  }

  async *stream(): RunStream {
    const { parts, question, options, position } = this.#run;
    yield* asked(position, question, options);
    const prompt = `${searchO1Instruction(this.#settings.searchLimit)}\n${searchO1Task(question)}`;
    const answer = yield* this.#loop(prompt);
    yield* concluded(plainAnswer(answer), parts.searcher.id, [...this.#passageIds], options, position);
  }

  async *#loop(prompt: string): RunStream<string> {
    const { position } = this.#run;
    const { maxTurns, searchLimit, mode } = this.#settings;
    for (let turn = 1; turn <= maxTurns; turn++) {
      position.turn = turn;
      const text = yield* this.#reason(prompt);
      const query = closingQuery(text);
      const at = position.stamp();
      if (query === undefined) {
        const answer = boxedAnswer(text);
        if (answer !== undefined || turn === maxTurns) break;
        yield { type: 'action', ...at, action: 'invalid', note: 'Neither a query nor a boxed answer.' };
        break;
      }
      const last = turn === maxTurns;
      const spent = this.#searched.size >= searchLimit;
      const repeated = this.#searched.has(query);
      const note = spent ? 'The limit of searches is reached.' : repeated ? 'Searched before.' : undefined;
      yield { type: 'action', ...at, action: 'search', query, ...(last && { forced: true }), ...(note && { note }) }; // prettier-ignore
      if (last) break;
      if (spent || repeated) this.#observe(spent ? LIMIT_REACHED : ALREADY_SEARCHED);
      else yield* this.#search(query);
    }
    const answer = boxedAnswer(this.#written());
    if (answer !== undefined) {
      yield { type: 'action', ...position.stamp(), action: 'answer' };
      return answer;
    }
    // The original takes the answer of a run without search instead, which is another run.
    return mode === 'code' ? '' : yield* this.#answerNow(prompt);
  }

  async *#reason(prompt: string): RunStream<string> {
    const { parts, position } = this.#run;
    const written = yield* generation(parts.searcher, this.#request(prompt), 'searcher', position);
    const text = ownWords(written.text);
    this.#continuation.push({ kind: 'generated', text });
    yield { type: 'generated', ...position.stamp(), role: 'searcher', ...written, text };
    return text;
  }

  async *#search(query: string): RunStream {
    const run = this.#run;
    const { parts, position } = run;
    const { documentsPerQuery, documentCharacters, responseTokens, temperature, topP, topK } = this.#settings;
    this.#searched.add(query);
    const asking = query.slice(0, MAX_QUERY_CHARACTERS);
    const { hits, ...found } = await tryRetrieve(parts.retriever, asking, documentsPerQuery, position);
    const documents = shownDocuments(hits);
    for (const { passageId } of documents) this.#passageIds.add(passageId);
    yield { type: 'retrieved', ...position.stamp(), query: asking, documents, ...found };
    const reasoning = reasoningSteps(this.#continuation.map(({ text }) => text).join(''));
    const task = { model: parts.searcher, reasoning, query, documents, documentCharacters };
    const written = yield* condense(run, { ...task, maxTokens: responseTokens, temperature, topP, topK });
    this.#observe(`\n\n${RESULT_BEGIN}${finalInformation(written)}${RESULT_END}\n\n`);
  }

  async *#answerNow(prompt: string): RunStream<string> {
    const { parts, position } = this.#run;
    this.#observe(BOX_NOW);
    position.turn += 1;
    const request = { ...this.#request(prompt), maxTokens: 100 };
    const written = yield* generation(parts.searcher, request, 'searcher', position);
    const text = ownWords(written.text);
    yield { type: 'generated', ...position.stamp(), role: 'searcher', ...written, text };
    const note = 'The run had no boxed answer; it was asked for.';
    yield { type: 'action', ...position.stamp(), action: 'answer', forced: true, note };
    return boxedAnswer(text) ?? untilClosed(text);
  }

  /** The model's own words: documents and notes are no answers. */
  #written(): string {
    return this.#continuation.flatMap(({ kind, text }) => (kind === 'generated' ? [text] : [])).join('\n');
  }

  #observe(text: string): void {
    this.#continuation.push({ kind: 'observation', text });
  }

  #request(prompt: string): GenerateRequest {
    const { responseTokens, temperature, topP, topK, repetitionPenalty } = this.#settings;
    return {
      messages: [{ role: 'user', content: prompt }],
      continuation: [...this.#continuation],
      maxTokens: responseTokens,
      temperature,
      topP,
      topK,
      ...(repetitionPenalty !== 1 && { repetitionPenalty }),
      stop: [QUERY_END],
      keepStop: true,
      ...turnSeed(this.#run),
    };
  }
}
