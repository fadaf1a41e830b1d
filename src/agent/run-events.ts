/** The frame of every run: times on events, failures as the last event instead of exceptions. */
import { AppError, isAbort, toEnvelope } from '../protocol/errors';
import type { GenerateRequest, LanguageModel, Usage } from '../protocol/language-model';
import { RETRIEVAL_MODES, type Hit, type RetrievalMode, type Retriever } from '../protocol/retrieval';
import type { RunOptions } from '../protocol/system';
import type { TraceDelta, TraceEvent } from '../protocol/trace';
import { streamUntilAborted, untilAborted } from './interrupt';

/** Milliseconds from any fixed point, such as `performance.now`. */
export type Clock = () => number;

export type RunStream<Result = void> = AsyncGenerator<TraceEvent | TraceDelta, Result>;

/** Where a run is: its current turn and the time since it began. */
export class RunPosition {
  turn = 0;
  readonly signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #start: number;

  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock;
    this.#start = clock();
    this.signal = signal;
  }

  get elapsedMs(): number {
    return this.#clock() - this.#start;
  }

  /** The fields that every event has. */
  stamp(): { turn: number; atMs: number } {
    return { turn: this.turn, atMs: this.elapsedMs };
  }
}

/** Runs `body` and turns whatever it throws into a last `failed` event; `untilAborted` has made a stop `ABORTED`. */
export async function* guarded(position: RunPosition, body: () => RunStream): RunStream {
  try {
    yield* body();
  } catch (error) {
    yield { type: 'failed', ...position.stamp(), error: toEnvelope(error) };
  }
}

/** The first event. Refuses an empty question after it, so that the trace shows what was refused. */
export function* asked(
  position: RunPosition,
  question: string,
  options: RunOptions,
): Generator<TraceEvent, void> {
  const { goldAnswers, goldIds } = options;
  yield {
    type: 'question',
    ...position.stamp(),
    question,
    ...(goldAnswers && { goldAnswers: [...goldAnswers] }),
    ...(goldIds && { goldIds: [...goldIds] }),
  };
  if (question.trim() === '') {
    throw new AppError('BAD_INPUT', 'The question is empty.', { fix: 'Type a question.' });
  }
}

export interface Retrieval {
  hits: Hit[];
  tookMs: number;
  mode?: RetrievalMode;
  how?: string;
}

export async function retrieve(
  retriever: Retriever,
  query: string,
  topK: number,
  position: RunPosition,
): Promise<Retrieval> {
  const startMs = position.elapsedMs;
  const lists = await untilAborted(retriever.search([query], topK, position.signal), position.signal);
  const hits = (lists[0] ?? []).slice(0, topK);
  return { hits, tookMs: position.elapsedMs - startMs, ...modeOf(retriever) };
}

// A retriever behind a worker answers any property with a function.
const isMode = (mode: unknown): mode is RetrievalMode => RETRIEVAL_MODES.some((known) => known === mode);

const modeOf = ({ mode, how }: Retriever): Pick<Retrieval, 'mode' | 'how'> => ({
  ...(isMode(mode) && { mode }),
  ...(typeof how === 'string' && { how }),
});

/** As `retrieve`, but a retriever that fails gives nothing and says why; being stopped is no failure. */
export async function tryRetrieve(
  retriever: Retriever,
  query: string,
  topK: number,
  position: RunPosition,
): Promise<Retrieval & { error?: string }> {
  const startMs = position.elapsedMs;
  try {
    return await retrieve(retriever, query, topK, position);
  } catch (error) {
    if (isAbort(error) || position.signal?.aborted) throw error;
    const { message } = toEnvelope(error);
    return { hits: [], tookMs: position.elapsedMs - startMs, ...modeOf(retriever), error: message };
  }
}

export interface Generation {
  text: string;
  usage: Usage;
  tookMs: number;
}

/** Passes on what the model writes as deltas and returns the whole. */
export async function* generation(
  model: LanguageModel,
  request: GenerateRequest,
  role: TraceDelta['role'],
  position: RunPosition,
): AsyncGenerator<TraceDelta, Generation> {
  const startMs = position.elapsedMs;
  for await (const event of streamUntilAborted(model.generate(request, position.signal), position.signal)) {
    if (event.type === 'delta') yield { type: 'delta', role, turn: position.turn, text: event.text };
    else return { text: event.text, usage: event.usage, tookMs: position.elapsedMs - startMs };
  }
  throw new AppError('BAD_RESPONSE', `The ${role} ${model.id} ended without a result.`, {
    fix: 'Try again; if it happens every time, choose another model.',
    recoverable: true,
  });
}
