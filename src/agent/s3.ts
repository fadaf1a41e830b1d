/** The search loop of s3 (arXiv 2505.14146, §3; spec of the loop, §1). */
import { AppError } from '../protocol/errors';
import type { ChatMessage, GenerateRequest, LanguageModel, Segment } from '../protocol/language-model';
import type { Retriever } from '../protocol/retrieval';
import type { RunOptions, System } from '../protocol/system';
import type { ShownDocument } from '../protocol/trace';
import { ablatedContext, ABLATION_IDS } from './ablation';
import { parseResponse, type ParsedResponse } from './action';
import { answerStream } from './answer';
import { renderContext } from './context';
import { untilAborted } from './interrupt';
import {
  ERROR_OBSERVATION,
  fitDocuments,
  initialResults,
  INVALID_OBSERVATION,
  searchObservation,
  shownDocuments,
} from './observation';
import {
  asked,
  generation,
  guarded,
  retrieve,
  RunPosition,
  tryRetrieve,
  type Clock,
  type RunStream,
} from './run-events';
import { initialQuery, searcherMessages } from './searcher-prompt';
import { bindingRules, s3Settings, searchTurns, type S3Settings } from './settings';
import { WindowLog } from './windows';

export interface S3Parts {
  searcher: LanguageModel;
  generator: LanguageModel;
  retriever: Retriever;
  settings?: Partial<S3Settings>;
  clock: Clock;
}

export function createS3(parts: S3Parts): System {
  return {
    id: ABLATION_IDS[parts.settings?.ablation ?? 'none'],
    run(question: string, options: RunOptions): RunStream {
      const position = new RunPosition(parts.clock, options.signal);
      const settings = s3Settings({ ...parts.settings, ...(options.mode && { mode: options.mode }) });
      return guarded(position, () => new S3Run(parts, settings, question, options, position).stream());
    },
  };
}

class S3Run {
  readonly #parts: S3Parts;
  readonly #settings: S3Settings;
  readonly #question: string;
  readonly #options: RunOptions;
  readonly #position: RunPosition;
  readonly #log: WindowLog;
  /** Everything after the prompt: the searcher's responses and the environment's observations. */
  readonly #continuation: Segment[] = [];

  constructor(
    parts: S3Parts,
    settings: S3Settings,
    question: string,
    options: RunOptions,
    position: RunPosition,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#question = question;
    this.#options = options;
    this.#position = position;
    this.#log = new WindowLog(bindingRules(settings));
  }

  async *stream(): RunStream {
    const settings = this.#settings;
    yield* asked(this.#position, this.#question, this.#options);
    const prompt = yield* this.#begin();
    const lastSearch = searchTurns(settings);
    const lastTurn = settings.closingTurn ? lastSearch + 1 : lastSearch;
    for (let turn = 1; turn <= lastTurn; turn++) {
      this.#position.turn = turn;
      const { action } = yield* this.#respond(prompt, turn > lastSearch);
      if (action.kind === 'search_complete' || turn > lastSearch) break;
      if (action.kind === 'search') yield* this.#search(action.query);
      else this.#continuation.push({ kind: 'observation', text: INVALID_OBSERVATION });
    }
    const { ablation, contextVariant } = settings;
    const documents = ablatedContext(this.#log.windows, ablation, contextVariant);
    const { generator } = this.#parts;
    const task = { generator, question: this.#question, documents, settings, options: this.#options };
    yield* answerStream({ ...task, render: renderContext }, this.#position);
  }

  /** Turn 0, "begin with search": the question's own results become part of the prompt. */
  async *#begin(): RunStream<ChatMessage[]> {
    const query = initialQuery(this.#question);
    const { hits, ...found } = await retrieve(
      this.#parts.retriever,
      query,
      this.#settings.initialDocuments,
      this.#position,
    );
    const documents = await this.#fit(shownDocuments(hits), initialResults);
    this.#log.show(0, documents);
    yield { type: 'retrieved', ...this.#position.stamp(), query, documents, ...found };
    const messages = searcherMessages(this.#question, initialResults(documents), this.#settings);
    await this.#checkLength(messages);
    return messages;
  }

  /** One generation of the searcher, and its selection. In the closing turn nothing is searched any more. */
  async *#respond(prompt: ChatMessage[], closing: boolean): RunStream<ParsedResponse> {
    const request = this.#request(prompt);
    const written = yield* generation(this.#parts.searcher, request, 'searcher', this.#position);
    const response = parseResponse(written.text);
    this.#continuation.push({ kind: 'generated', text: response.text });
    const { action, thought } = response;
    const at = this.#position.stamp();
    yield { type: 'generated', ...at, role: 'searcher', ...written, text: response.text };
    yield {
      type: 'action',
      ...at,
      action: action.kind,
      ...(action.kind === 'search' && { query: action.query }),
      ...(thought !== undefined && { thought }),
      ...(closing && action.kind !== 'search_complete' && { forced: true }),
    };
    for (const ids of response.selections) {
      const bound = this.#log.select(ids);
      if (!bound) continue;
      const numbers = [...bound.selection];
      const passageIds = bound.documents.filter((d) => numbers.includes(d.number)).map((d) => d.passageId);
      yield { type: 'selected', ...at, window: bound.turn, numbers, passageIds };
    }
    return response;
  }

  #request(prompt: ChatMessage[]): GenerateRequest {
    const settings = this.#settings;
    const { seed } = this.#options;
    return {
      messages: prompt,
      continuation: [...this.#continuation],
      maxTokens: settings.responseTokens,
      temperature: settings.searcherTemperature,
      topP: settings.searcherTopP,
      // What follows the tag would be discarded, so stopping there changes nothing but the time it takes.
      stop: ['</query>'],
      keepStop: true,
      maxContextTokens: settings.promptTokens,
      ...(seed !== undefined && { seed: seed + this.#position.turn }),
    };
  }

  /** A retriever that fails costs the searcher a turn, not the user the answer; the trace says so. */
  async *#search(query: string): RunStream {
    const position = this.#position;
    const { retriever } = this.#parts;
    const { documentsPerQuery } = this.#settings;
    const { hits, ...found } = await tryRetrieve(retriever, query, documentsPerQuery, position);
    const documents = await this.#fit(shownDocuments(hits), searchObservation);
    this.#log.show(position.turn, documents);
    const text = found.error === undefined ? searchObservation(documents) : ERROR_OBSERVATION;
    this.#continuation.push({ kind: 'observation', text });
    yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
  }

  #fit(
    documents: readonly ShownDocument[],
    render: (documents: readonly ShownDocument[]) => string,
  ): Promise<ShownDocument[]> {
    const { searcher } = this.#parts;
    const count = (texts: readonly string[]): Promise<number[]> =>
      untilAborted(searcher.countTokens(texts), this.#position.signal);
    return fitDocuments(documents, render, this.#settings.observationTokens, count);
  }

  /** A prompt that does not fit would lose its beginning without a word. */
  async #checkLength(messages: readonly ChatMessage[]): Promise<void> {
    const texts = messages.map((m) => m.content);
    const counts = await untilAborted(this.#parts.searcher.countTokens(texts), this.#position.signal);
    const tokens = counts.reduce((sum, n) => sum + n, 0);
    const limit = this.#settings.promptTokens;
    if (tokens <= limit) return;
    throw new AppError(
      'CONTEXT_TOO_LONG',
      `The question needs ${tokens} tokens; the searcher reads ${limit}.`,
      {
        fix: 'Shorten the question.',
        context: { tokens, limit },
      },
    );
  }
}
