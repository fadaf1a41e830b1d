import { transferHandlers, type TransferHandler } from 'comlink';
import { AppError, type ErrorEnvelope, toEnvelope } from '../../protocol/errors';

interface SignalOnTheWire {
  aborted: boolean;
  reason?: ErrorEnvelope;
  port?: MessagePort;
}

/** Only an `AppError` says more than "stopped"; everything else crosses as a plain abort. */
const packReason = (signal: AbortSignal): ErrorEnvelope | undefined =>
  signal.reason instanceof AppError ? toEnvelope(signal.reason) : undefined;

const unpackReason = (reason: ErrorEnvelope | undefined): unknown =>
  reason ? AppError.from(reason) : new DOMException('Stopped.', 'AbortError');

function serialize(signal: AbortSignal): [SignalOnTheWire, Transferable[]] {
  const packed = (): SignalOnTheWire => {
    const reason = packReason(signal);
    return { aborted: signal.aborted, ...(reason && { reason }) };
  };
  if (signal.aborted) return [packed(), []];
  const { port1, port2 } = new MessageChannel();
  const forward = (): void => {
    port1.postMessage(packed());
    port1.close();
  };
  signal.addEventListener('abort', forward, { once: true });
  // The other side closes its port when nobody there holds the signal any more: a signal that outlives many calls
  // must not collect one listener per call. Engines without the event only keep a small listener.
  port1.addEventListener('close', () => signal.removeEventListener('abort', forward));
  port1.start();
  return [{ aborted: false, port: port2 }, [port2]];
}

/** Keeps a controller alive exactly as long as its signal. */
const controllers = new WeakMap<AbortSignal, AbortController>();
const ports = new FinalizationRegistry<MessagePort>((port) => port.close());

function deserialize({ aborted, reason, port }: SignalOnTheWire): AbortSignal {
  const controller = new AbortController();
  if (aborted) controller.abort(unpackReason(reason));
  if (port) {
    const reference = new WeakRef(controller);
    controllers.set(controller.signal, controller);
    ports.register(controller.signal, port);
    port.onmessage = (event: MessageEvent<SignalOnTheWire>) => {
      reference.deref()?.abort(unpackReason(event.data.reason));
      port.close();
    };
  }
  return controller.signal;
}

/** An `AbortSignal` given as an argument of its own (not inside an object) works on the other side. */
export function installAbortSignalTransfer(): void {
  const handler: TransferHandler<AbortSignal, SignalOnTheWire> = {
    canHandle: (value): value is AbortSignal => value instanceof AbortSignal,
    serialize,
    deserialize,
  };
  transferHandlers.set('abort-signal', handler);
}
