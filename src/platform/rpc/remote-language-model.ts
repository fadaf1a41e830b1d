import type { Remote } from 'comlink';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { GenerateEvent, LanguageModel } from '../../protocol/language-model';

/** The part of a worker's API that speaks `LanguageModel`. */
export type LanguageModelApi = Pick<LanguageModel, 'generate' | 'countTokens'>;

/** Rejects as soon as one of the signals fires, with its reason if that is an `AppError`; never resolves. */
function firstOf(signals: readonly (AbortSignal | undefined)[]): {
  promise: Promise<never>;
  release: () => void;
} {
  const releases: (() => void)[] = [];
  const promise = new Promise<never>((_resolve, reject) => {
    for (const signal of signals) {
      if (!signal) continue;
      const fail = (): void => {
        const stopped = new AppError('ABORTED', 'Stopped.', { recoverable: true });
        reject(signal.reason instanceof AppError ? signal.reason : stopped);
      };
      if (signal.aborted) fail();
      signal.addEventListener('abort', fail, { once: true });
      releases.push(() => signal.removeEventListener('abort', fail));
    }
  });
  promise.catch(() => undefined);
  return { promise, release: () => releases.forEach((release) => release()) };
}

export interface ReadRemoteOptions {
  /** Of the connection: the reader fails, instead of waiting for ever, when the worker is lost. */
  lost?: AbortSignal | undefined;
  /** The reader's own: it stops at once, however long the worker takes to notice. */
  signal?: AbortSignal | undefined;
}

/** Reads an iterable that lives in a worker. */
export async function* readRemote<T>(
  open: () => Promise<AsyncIterable<T>>,
  { lost, signal }: ReadRemoteOptions = {},
): AsyncGenerator<T> {
  const stop = firstOf([lost, signal]);
  const opening = open();
  let iterator: AsyncIterator<T> | undefined;
  let ended = false;
  try {
    iterator = (await Promise.race([opening, stop.promise]))[Symbol.asyncIterator]();
    for (;;) {
      const step = await Promise.race([iterator.next(), stop.promise]);
      if (step.done) break;
      yield step.value;
    }
    ended = true;
  } finally {
    stop.release();
    // Left early: the producer cleans up when it comes to it; a worker that is gone would never answer.
    if (!ended) {
      const finish = (iterable: AsyncIterable<T>): unknown =>
        (iterator ?? iterable[Symbol.asyncIterator]()).return?.();
      void opening.then(finish).catch(() => undefined);
    }
  }
}

/** A language model that runs in a worker, as the rest of the project sees every language model. */
export function remoteLanguageModel(
  id: string,
  remote: Remote<LanguageModelApi>,
  lost?: AbortSignal,
): LanguageModel {
  return {
    id,
    async *generate(request, signal): AsyncGenerator<GenerateEvent> {
      throwIfAborted(signal);
      yield* readRemote(() => remote.generate(request, signal), { lost, signal });
    },
    countTokens: (texts) => remote.countTokens(texts),
  };
}
