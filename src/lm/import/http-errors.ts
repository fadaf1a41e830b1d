/** What a model server's answer means, and whether another attempt can help. */
import { AppError, type ErrorCode } from '../../protocol/errors';

/** A failure that another attempt may cure; never leaves this room. */
export class Retryable extends Error {
  constructor(
    readonly failure: AppError,
    /** What the server asked for. */
    readonly waitMs?: number,
  ) {
    super(failure.message);
  }
}

/** A hostile `Retry-After` cannot hold us for longer. */
const MAX_RETRY_AFTER_MS = 60_000;

export function failure(code: ErrorCode, name: string, what: string, fix: string, cause?: unknown): AppError {
  return new AppError(code, `${name} could not be read: ${what}.`, {
    fix,
    recoverable: code !== 'NOT_FOUND' && code !== 'AUTH',
    ...(cause !== undefined && { cause }),
  });
}

/** Seconds or a date, RFC 9110 §10.2.3. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

const CODES: Record<string, [ErrorCode, string, string]> = {
  GatedRepo: [
    'AUTH',
    'its repository is gated',
    'Accept its terms on its page of the hub, make an access token there, and give the token.',
  ],
  RepoNotFound: [
    'NOT_FOUND',
    'there is no such repository, or it is private',
    'Check the name; for a private repository, give an access token.',
  ],
  RevisionNotFound: [
    'NOT_FOUND',
    'its repository has no such revision',
    'Check the name of the branch, tag or commit.',
  ],
  EntryNotFound: ['NOT_FOUND', 'there is no such file', 'Choose another model or revision.'],
};

/** For a status that is not the one hoped for. */
export function statusFailure(name: string, response: Response, hasToken: boolean): AppError | Retryable {
  const { status, headers } = response;
  const known = headers.get('x-error-code');
  if (known !== null && Object.hasOwn(CODES, known)) {
    const [code, what, fix] = CODES[known]!;
    return failure(code, name, `${what} (${status})`, fix);
  }
  if (status === 401 || status === 403) {
    const fix = hasToken
      ? 'Check the access token, and that its owner has accepted the terms of the model.'
      : 'The model is gated or private: accept its terms on its page and give an access token.';
    return failure('AUTH', name, `access was refused (${status})`, fix);
  }
  if (status === 404 || status === 410) {
    return failure(
      'NOT_FOUND',
      name,
      `it is not there (${status})`,
      'Check the name and the revision of the model.',
    );
  }
  if (status === 429) {
    const fix = 'Wait a few minutes and go on; what is already here is kept.';
    return new Retryable(
      failure('RATE_LIMITED', name, 'the server asks to wait (429)', fix),
      retryAfterMs(headers.get('retry-after')),
    );
  }
  const what = `the server answered ${status}`;
  if (status === 408 || status >= 500) {
    return new Retryable(
      failure('NETWORK', name, what, 'Try again later; what is already here is kept.'),
      retryAfterMs(headers.get('retry-after')),
    );
  }
  return failure('BAD_RESPONSE', name, what, 'Check the address of the hub.');
}

export const changed = (name: string): AppError =>
  new AppError('INTEGRITY', `${name} has changed on the server while it was read.`, {
    fix: 'Start the import anew: files of two versions cannot be joined.',
    recoverable: true,
  });
