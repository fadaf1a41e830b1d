/**
 * Search-R1 (arXiv 2503.09516): a model that reasons, searches and answers by itself. `search-r1` takes its own answer;
 * `search-r1-ret` hands its documents to the frozen generator, as the s3 paper compares it.
 */
import type { ChatMessage, GenerateRequest, Segment } from '../../protocol/language-model';
import type { System } from '../../protocol/system';
import type { ShownDocument } from '../../protocol/trace';
import { MAX_QUERY_CHARACTERS } from '../action';
import { answerStream, concluded } from '../answer';
import { distinctDocuments, renderContext } from '../context';
import { untilAborted } from '../interrupt';
import { neutralise } from '../neutralise';
import { fitDocuments, initialResults, searchObservation, shownDocuments } from '../observation';
import { asked, generation, tryRetrieve, type RunStream } from '../run-events';
import { askedQuestion } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';
import {
  parseOpenedAnswer,
  parseSearchR1,
  SEARCH_R1_ANSWER_NOW,
  SEARCH_R1_INVALID,
  SEARCH_R1_PROMPT,
  type SearchR1Response,
} from './search-r1-text';

export interface SearchR1Settings extends AnswerSettings {
  maxTurns: number;
  documentsPerQuery: number;
  searcherTemperature: number;
  /** The rolling window, one response and one observation, in tokens. */
  promptTokens: number;
  responseTokens: number;
  observationTokens: number;
}

/** The paper evaluates greedily; s3's comparison (`code`) samples at 1, as in training. */
export function searchR1Settings(given: Partial<SearchR1Settings> = {}): SearchR1Settings {
  return {
    ...naiveRagSettings(given),
    maxTurns: 4,
    documentsPerQuery: 3,
    searcherTemperature: given.mode === 'code' ? 1 : 0,
    promptTokens: 4096,
    responseTokens: 500,
    observationTokens: 500,
    ...given,
  };
}

export function createSearchR1(
  parts: BaselineParts,
  id: 'search-r1' | 'search-r1-ret' = 'search-r1',
  given: Partial<SearchR1Settings> = {},
): System {
  const { mode } = searchR1Settings(given);
  return baselineSystem(id, parts, mode, (run) => {
    const settings = searchR1Settings({ ...given, mode: run.mode });
    return new SearchR1Run(run, settings, id === 'search-r1').stream();
  });
}

class SearchR1Run {
  readonly #run: BaselineRun;
  readonly #settings: SearchR1Settings;
  readonly #answers: boolean;
  readonly #continuation: Segment[] = [];
  readonly #documents: ShownDocument[] = [];

  constructor(run: BaselineRun, settings: SearchR1Settings, answers: boolean) {
    this.#run = run;
    this.#settings = settings;
    this.#answers = answers;
  }

  async *stream(): RunStream {
    const { parts, question, options, position } = this.#run;
    yield* asked(position, question, options);
    const asking = neutralise(askedQuestion(question));
    const prompt: ChatMessage[] = [
      { role: 'user', content: SEARCH_R1_PROMPT.replace('{question}', () => asking) },
    ];
    const answer = yield* this.#loop(prompt);
    if (this.#answers) {
      const ids = [...new Set(this.#documents.map((d) => d.passageId))];
      yield* concluded(answer ?? '', parts.searcher.id, ids, options, position);
      return;
    }
    const { mode } = this.#settings;
    const documents = distinctDocuments(this.#documents);
    const render = mode === 'code' ? initialResults : renderContext;
    const task = { generator: parts.generator, question, documents, render };
    yield* answerStream({ ...task, settings: this.#settings, options }, position);
  }

  /** Turns with searches, and one more without. */
  async *#loop(prompt: ChatMessage[]): RunStream<string | undefined> {
    const { position } = this.#run;
    const { maxTurns, mode } = this.#settings;
    for (let turn = 1; turn <= maxTurns + 1; turn++) {
      position.turn = turn;
      const closing = turn > maxTurns;
      const { action } = yield* this.#respond(prompt, closing);
      if (action.kind === 'answer') return action.answer;
      if (closing) break;
      if (action.kind === 'search') yield* this.#search(action.query);
      else this.#observe(SEARCH_R1_INVALID);
    }
    // The original scores such a question as if "Beijing" had been answered, which stands in its prompt.
    return mode === 'code' || !this.#answers ? undefined : yield* this.#answerNow(prompt);
  }

  async *#respond(prompt: ChatMessage[], closing: boolean): RunStream<SearchR1Response> {
    const { parts, mode, position } = this.#run;
    const written = yield* generation(parts.searcher, this.#request(prompt), 'searcher', position);
    let response = parseSearchR1(written.text);
    const { text, thought } = response;
    if (mode === 'paper' && response.action.kind === 'search' && response.action.query === '') {
      response = { ...response, action: { kind: 'invalid' } };
    }
    const { action } = response;
    this.#continuation.push({ kind: 'generated', text });
    const at = position.stamp();
    yield { type: 'generated', ...at, role: 'searcher', ...written, text };
    yield {
      type: 'action',
      ...at,
      action: action.kind,
      ...(action.kind === 'search' && { query: action.query }),
      ...(thought !== undefined && { thought }),
      ...(closing && action.kind !== 'answer' && { forced: true }),
    };
    return response;
  }

  async *#search(asking: string): RunStream {
    const { parts, position } = this.#run;
    const query = asking.slice(0, MAX_QUERY_CHARACTERS);
    const { documentsPerQuery, observationTokens } = this.#settings;
    const { hits, ...found } = await tryRetrieve(parts.retriever, query, documentsPerQuery, position);
    const count = (texts: readonly string[]): Promise<number[]> =>
      untilAborted(parts.searcher.countTokens(texts), position.signal);
    // The original cuts the whole block, and with it the closing tag; here the documents give way.
    const documents = await fitDocuments(shownDocuments(hits), searchObservation, observationTokens, count);
    this.#documents.push(...documents);
    this.#observe(searchObservation(documents));
    yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
  }

  async *#answerNow(prompt: ChatMessage[]): RunStream<string> {
    const { parts, position } = this.#run;
    this.#observe(SEARCH_R1_ANSWER_NOW);
    const request = { ...this.#request(prompt), stop: ['</answer>'] };
    position.turn += 1;
    const written = yield* generation(parts.searcher, request, 'searcher', position);
    const at = position.stamp();
    yield { type: 'generated', ...at, role: 'searcher', ...written };
    const note = 'The turns were used up without an answer; the answer was asked for.';
    yield { type: 'action', ...at, action: 'answer', forced: true, note };
    return parseOpenedAnswer(written.text);
  }

  #observe(text: string): void {
    this.#continuation.push({ kind: 'observation', text });
  }

  #request(prompt: ChatMessage[]): GenerateRequest {
    const settings = this.#settings;
    return {
      messages: prompt,
      continuation: [...this.#continuation],
      maxTokens: settings.responseTokens,
      temperature: settings.searcherTemperature,
      // What follows the tag would be discarded.
      stop: ['</search>'],
      keepStop: true,
      maxContextTokens: settings.promptTokens,
      ...turnSeed(this.#run),
    };
  }
}
