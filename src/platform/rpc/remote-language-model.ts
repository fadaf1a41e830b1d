import type { Remote } from 'comlink';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { GenerateEvent, LanguageModel } from '../../protocol/language-model';

/** The part of a worker's API that speaks `LanguageModel`. */
export type LanguageModelApi = Pick<LanguageModel, 'generate' | 'countTokens'>;

/** Rejects with the signal's reason as soon as it fires; never resolves. `release` removes the listener. */
function lossOf(lost: AbortSignal | undefined): { promise: Promise<never>; release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    if (!lost) return;
    const fail = (): void =>
      reject(lost.reason instanceof AppError ? lost.reason : new AppError('INTERNAL', 'The worker stopped.'));
    if (lost.aborted) {
      fail();
      return;
    }
    lost.addEventListener('abort', fail, { once: true });
    release = () => lost.removeEventListener('abort', fail);
  });
  promise.catch(() => undefined);
  return { promise, release };
}

/** Reads an iterable that lives in a worker and fails, instead of waiting for ever, when the worker is lost. */
export async function* readRemote<T>(
  open: () => Promise<AsyncIterable<T>>,
  lost?: AbortSignal,
): AsyncGenerator<T> {
  const loss = lossOf(lost);
  let iterator: AsyncIterator<T> | undefined;
  let ended = false;
  try {
    iterator = (await Promise.race([open(), loss.promise]))[Symbol.asyncIterator]();
    for (;;) {
      const step = await Promise.race([iterator.next(), loss.promise]);
      if (step.done) break;
      yield step.value;
    }
    ended = true;
  } catch (error) {
    ended = true;
    throw error;
  } finally {
    // The reader stopped early: let the producer clean up, but do not wait for a worker that is gone.
    if (!ended) await Promise.race([iterator?.return?.(), loss.promise]).catch(() => undefined);
    loss.release();
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
      yield* readRemote(() => remote.generate(request, signal), lost);
    },
    countTokens: (texts) => remote.countTokens(texts),
  };
}
