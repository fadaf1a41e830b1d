import { AppError, throwIfAborted } from '../protocol/errors';

const stopped = (): AppError => new AppError('ABORTED', 'Stopped.', { recoverable: true });

/** The result of `work`, or the `ABORTED` error as soon as the signal fires, even if `work` takes no notice of it. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(stopped());
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The items of a stream, ended by the `ABORTED` error when the signal fires. The stream is closed on every way out. */
export async function* streamUntilAborted<T>(
  stream: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  const iterator = stream[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = await untilAborted(iterator.next(), signal);
      if (next.done) {
        finished = true;
        return;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a stalled stream would hold up the stop. Its own failure after the end is of no interest to anybody.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
