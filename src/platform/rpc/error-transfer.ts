import { transferHandlers, type TransferHandler } from 'comlink';
import { AppError, toEnvelope, type ErrorEnvelope } from '../../protocol/errors';

/** What a thrown value becomes between two threads. The stack is for the console only. */
export interface ThrownOnTheWire {
  envelope: ErrorEnvelope;
  stack?: string;
}

export function packThrown(thrown: unknown): ThrownOnTheWire {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return { envelope: toEnvelope(thrown), ...(stack !== undefined && { stack }) };
}

export function unpackThrown({ envelope, stack }: ThrownOnTheWire): AppError {
  const error = AppError.from(envelope);
  if (stack !== undefined) error.stack = `${error.name}: ${error.message}\n    on the other side:\n${stack}`;
  return error;
}

/** Comlink wraps a thrown value under a private symbol and puts the value itself here. */
interface ComlinkThrown {
  value: unknown;
}

/**
 * Comlink's own handler keeps only name, message and stack. This one replaces it under the same name, so that whatever
 * is thrown on one side arrives as an `AppError` with its code, fix and context.
 */
export function installErrorTransfer(): void {
  const original = transferHandlers.get('throw');
  if (!original) throw new AppError('INTERNAL', 'Comlink has no handler for thrown values.');
  const handler: TransferHandler<ComlinkThrown, ThrownOnTheWire> = {
    canHandle: (value): value is ComlinkThrown => original.canHandle(value),
    serialize: ({ value }) => [packThrown(value), []],
    deserialize: (wire) => {
      throw unpackThrown(wire);
    },
  };
  transferHandlers.set('throw', handler);
}
