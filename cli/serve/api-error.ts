import { toEnvelope, type ErrorCode } from '../../src/protocol/errors';

interface ApiErrorDetails {
  /** For programs, as OpenAI names it: `model_not_found`, `context_length_exceeded`, … */
  code?: string;
  /** The field of the request that is to blame. */
  param?: string;
  /** Response headers that belong to it. */
  headers?: Record<string, string>;
}

/** A refusal, in the form in which OpenAI's API tells of errors. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    message: string,
    readonly details: ApiErrorDetails = {},
  ) {
    super(message);
  }

  get headers(): Record<string, string> {
    return this.details.headers ?? {};
  }

  document(): { error: Record<string, unknown> } {
    const { code = null, param = null } = this.details;
    const type = this.status >= 500 ? 'server_error' : 'invalid_request_error';
    return { error: { message: this.message, type, param, code } };
  }
}

const STATUSES: Partial<Record<ErrorCode, [status: number, code?: string]>> = {
  BAD_INPUT: [400],
  UNSUPPORTED: [400],
  NOT_FOUND: [404],
  CONTEXT_TOO_LONG: [400, 'context_length_exceeded'],
  OUT_OF_MEMORY: [503, 'out_of_memory'],
  DEVICE_LOST: [503, 'device_lost'],
  ABORTED: [503, 'stopping'],
};

/** What a client is told about a thrown value. The texts of unexpected errors stay on this machine. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const { code, message, fix } = toEnvelope(error);
  if (code === 'ABORTED') return new ApiError(503, 'The server is stopping.', { code: 'stopping' });
  const [status, name] = STATUSES[code] ?? [500];
  if (status === 500) return new ApiError(500, 'The server failed; its own output says why.');
  return new ApiError(
    status,
    fix === '' ? message : `${message} ${fix}`,
    name === undefined ? {} : { code: name },
  );
}
