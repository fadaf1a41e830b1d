/** Everything that can go wrong in a way the user can be told about. Closed: a new failure gets a new code. */
export const ERROR_CODES = [
  'ABORTED',
  'AUTH',
  'BAD_INPUT',
  'BAD_RESPONSE',
  'BUSY',
  'CONTEXT_TOO_LONG',
  'CORS',
  'DEVICE_LOST',
  'INTEGRITY',
  'INTERNAL',
  'NETWORK',
  'NOT_FOUND',
  'OUT_OF_MEMORY',
  'PERMISSION',
  'RATE_LIMITED',
  'STORAGE_FULL',
  'TIMEOUT',
  'UNSUPPORTED',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The form in which an error crosses a worker or lies in a trace. */
export interface ErrorEnvelope {
  code: ErrorCode;
  /** What happened, in one sentence. */
  message: string;
  /** What the user can do about it. */
  fix: string;
  /** Whether trying the same thing again can help. */
  recoverable: boolean;
  context?: Record<string, string | number | boolean>;
}

export interface AppErrorDetails {
  fix?: string;
  recoverable?: boolean;
  cause?: unknown;
  context?: Record<string, string | number | boolean>;
}

/** The one error class of the project: what happened, and what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly fix: string;
  readonly recoverable: boolean;
  readonly context: Record<string, string | number | boolean> | undefined;

  constructor(code: ErrorCode, message: string, details: AppErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AppError';
    this.code = code;
    this.fix = details.fix ?? '';
    this.recoverable = details.recoverable ?? false;
    this.context = details.context;
  }

  static from(envelope: ErrorEnvelope): AppError {
    const { code, message, fix, recoverable, context } = envelope;
    return new AppError(code, message, { fix, recoverable, ...(context && { context }) });
  }
}

// `fetch` says no more than this when nothing answers; each engine in its own words.
const NO_CONNECTION = /^(Failed to fetch|fetch failed|Load failed|NetworkError when attempting)/;

/** Describes any thrown value; an unknown one becomes `INTERNAL`, an abort `ABORTED`, a dead connection `NETWORK`. */
export function toEnvelope(error: unknown): ErrorEnvelope {
  if (error instanceof AppError) {
    const { code, message, fix, recoverable, context } = error;
    return { code, message, fix, recoverable, ...(context && { context }) };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { code: 'ABORTED', message: 'Stopped.', fix: '', recoverable: true };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError && NO_CONNECTION.test(message)) {
    return {
      code: 'NETWORK',
      message: 'A part of this page could not be loaded: its server does not answer.',
      fix: 'Check the connection, or start the server again, and try again.',
      recoverable: true,
    };
  }
  return { code: 'INTERNAL', message, fix: 'Reload the page and try again.', recoverable: false };
}

export const isAbort = (error: unknown): boolean => toEnvelope(error).code === 'ABORTED';

/** Throws the `ABORTED` error if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError('ABORTED', 'Stopped.', { recoverable: true });
}
