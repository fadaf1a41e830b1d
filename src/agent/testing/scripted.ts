/** Deterministic stand-ins for the parts of a run, for tests. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { GenerateEvent, GenerateRequest, LanguageModel } from '../../protocol/language-model';
import type { Hit, Passage, Retriever } from '../../protocol/retrieval';
import type { RunOptions, System } from '../../protocol/system';
import type { TraceDelta, TraceEvent, TraceEventOf, TraceEventType } from '../../protocol/trace';

export const characterTokens = (texts: readonly string[]): Promise<number[]> =>
  Promise.resolve(texts.map((text) => Math.ceil(text.length / 4)));

type Script = readonly string[] | ((request: GenerateRequest, call: number) => string);

/** Says what its script says, the last line again and again; obeys stop strings; keeps the requests. */
export class ScriptedModel implements LanguageModel {
  readonly requests: GenerateRequest[] = [];
  readonly #script: Script;
  readonly #beforeDelta: (call: number, delta: number) => void | Promise<void>;

  constructor(
    script: Script,
    readonly id = 'scripted',
    beforeDelta: (call: number, delta: number) => void | Promise<void> = () => undefined,
  ) {
    this.#script = script;
    this.#beforeDelta = beforeDelta;
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    const call = this.requests.push(request) - 1;
    const script = this.#script;
    const full = typeof script === 'function' ? script(request, call) : (script[call] ?? script.at(-1) ?? '');
    const text = stopped(full, request);
    for (let at = 0, delta = 0; at < text.length; at += 16, delta++) {
      await this.#beforeDelta(call, delta);
      throwIfAborted(signal);
      yield { type: 'delta', text: text.slice(at, at + 16) };
    }
    const usage = { promptTokens: 100, cachedTokens: 10, completionTokens: 5, prefillMs: 2, decodeMs: 3 };
    yield { type: 'done', text, finishReason: text === full ? 'eos' : 'stop', usage };
  }

  countTokens(texts: readonly string[]): Promise<number[]> {
    return characterTokens(texts);
  }
}

function stopped(text: string, { stop = [], keepStop = false }: GenerateRequest): string {
  const ends = stop.flatMap((s) => {
    const at = text.indexOf(s);
    return at < 0 ? [] : [keepStop ? at + s.length : at];
  });
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends));
}

export const passage = (id: string, text = `Text of ${id}.`, title = `Title of ${id}`): Passage => ({
  id,
  title,
  text,
});

/** Eight passages `query#1` … `query#8` for any query, or what `find` gives. */
export class ScriptedRetriever implements Retriever {
  readonly queries: string[] = [];
  readonly #find: (query: string, topK: number) => readonly Passage[];

  constructor(find?: (query: string, topK: number) => readonly Passage[]) {
    this.#find =
      find ?? ((query, topK) => Array.from({ length: topK }, (_, i) => passage(`${query}#${i + 1}`)));
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    await Promise.resolve();
    throwIfAborted(signal);
    this.queries.push(...queries);
    return queries.map((query) =>
      this.#find(query, topK)
        .slice(0, topK)
        .map((found, i) => ({ passage: found, score: 1 - i / 100, rank: i + 1 })),
    );
  }
}

export const unavailable = (): never => {
  throw new AppError('NETWORK', 'The retriever does not answer.', { fix: 'Start it.', recoverable: true });
};

/** Advances one millisecond each time somebody looks. */
export function tickingClock(): () => number {
  let now = 1000;
  return () => now++;
}

export async function collect(
  system: System,
  question = 'Who?',
  options: RunOptions = {},
): Promise<(TraceEvent | TraceDelta)[]> {
  const events: (TraceEvent | TraceDelta)[] = [];
  for await (const event of system.run(question, options)) events.push(event);
  return events;
}

export function eventsOf<T extends TraceEventType>(
  events: readonly (TraceEvent | TraceDelta)[],
  type: T,
): TraceEventOf<T>[] {
  return events.filter((event): event is TraceEventOf<T> => event.type === type);
}

const selecting = (ids: readonly number[] | undefined): string =>
  ids ? `<important_info>[${ids.join(', ')}]</important_info>\n` : '';

/** A response that selects from the last window, if it is told what, and searches. */
export const search = (query: string, selection?: readonly number[]): string =>
  `${selecting(selection)}<search_complete>False</search_complete>\n<query>{"query": ${JSON.stringify(query)}}</query>`;

/** A response that selects from the last window, if it is told what, and ends the search. */
export const finish = (selection?: readonly number[]): string =>
  `${selecting(selection)}<search_complete>True</search_complete>`;
