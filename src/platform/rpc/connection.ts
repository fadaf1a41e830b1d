/**
 * Comlink as every worker of the project uses it: errors keep their code and fix, abort signals and async iterables cross,
 * and a worker that dies answers everything that is still waiting. Both sides must come through this module.
 * Limits of the transfer: a signal, a callback (`proxy`) or an iterable must be an argument or a result of its own, not
 * a member of an object.
 */
import { expose, wrap, type Endpoint, type Remote } from 'comlink';
import { AppError } from '../../protocol/errors';
import { installAbortSignalTransfer } from './abort-signal-transfer';
import { installAsyncIterableTransfer } from './async-iterable-transfer';
import { installErrorTransfer, packThrown } from './error-transfer';

export { proxy, transfer, type Remote } from 'comlink';

let installed = false;

function install(): void {
  if (installed) return;
  installErrorTransfer();
  installAbortSignalTransfer();
  installAsyncIterableTransfer();
  installed = true;
}

/** Offers an object on this thread's own port (in a worker) or on the endpoint given. */
export function serve(api: object, endpoint?: Endpoint): void {
  install();
  expose(api, endpoint);
}

/** A `Worker`, or a `MessagePort` in tests. */
export interface WorkerLike extends Endpoint {
  terminate?: () => void;
}

export interface RpcConnection<T> {
  readonly remote: Remote<T>;
  /** Fires when the worker failed or was closed; its reason is an `AppError`. */
  readonly lost: AbortSignal;
  /** Ends the worker; whatever still waits for it fails with `ABORTED`. */
  close(): void;
}

interface Outgoing {
  id?: string;
}

export function connect<T>(worker: WorkerLike): RpcConnection<T> {
  install();
  const lost = new AbortController();
  const waiting = new Set<string>();
  const listeners = new Set<(event: MessageEvent) => void>();

  const deliver = (event: MessageEvent): void => {
    for (const listener of listeners) listener(event);
  };
  const refuse = (id: string): void => {
    waiting.delete(id);
    const value = packThrown(lost.signal.reason);
    deliver(new MessageEvent('message', { data: { id, type: 'HANDLER', name: 'throw', value } }));
  };
  const lose = (error: AppError): void => {
    if (lost.signal.aborted) return;
    lost.abort(error);
    worker.terminate?.();
    for (const id of [...waiting]) refuse(id);
  };

  worker.addEventListener('message', ((event: MessageEvent<Outgoing | undefined>) => {
    if (event.data?.id !== undefined) waiting.delete(event.data.id);
    deliver(event);
  }) as EventListener);
  worker.addEventListener('error', (event) => {
    const message = 'message' in event && typeof event.message === 'string' ? event.message : '';
    lose(
      new AppError('INTERNAL', message ? `A worker failed: ${message}` : 'A worker could not be started.', {
        fix: 'Reload the page and try again.',
        recoverable: true,
      }),
    );
  });
  worker.addEventListener('messageerror', () =>
    lose(new AppError('INTERNAL', 'A message of a worker could not be read.', { recoverable: true })),
  );

  const endpoint: Endpoint = {
    postMessage: (message: Outgoing, transfer) => {
      const { id } = message;
      if (id !== undefined && lost.signal.aborted) {
        queueMicrotask(() => refuse(id));
        return;
      }
      worker.postMessage(message, transfer);
      if (id !== undefined) waiting.add(id);
    },
    addEventListener: (_type, listener) => void listeners.add(listener as (event: MessageEvent) => void),
    removeEventListener: (_type, listener) =>
      void listeners.delete(listener as (event: MessageEvent) => void),
  };
  worker.start?.();
  return {
    remote: wrap<T>(endpoint),
    lost: lost.signal,
    close: () => lose(new AppError('ABORTED', 'The worker was closed.', { recoverable: true })),
  };
}
