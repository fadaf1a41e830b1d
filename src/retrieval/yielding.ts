import { throwIfAborted } from '../protocol/errors';

/**
 * Lets other work of the thread run whenever `everyMs` have passed, so that a long loop answers an abort and its worker's
 * messages. Call it as often as convenient; between pauses it costs a clock reading.
 */
export function createPauser(signal: AbortSignal | undefined, everyMs = 12): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < everyMs) return undefined;
    throwIfAborted(signal);
    return nextTask().then(() => {
      throwIfAborted(signal);
      last = performance.now();
    });
  };
}

/** A macrotask. Messages of a channel are not clamped to 4 ms as nested timeouts are. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
