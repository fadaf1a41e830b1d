import { AppError } from '../../protocol/errors';

/** A file, or a line of one, that is not what it should be. */
export const unreadable = (path: string, what: string, fix: string, cause?: unknown): AppError =>
  new AppError('BAD_INPUT', `${path} ${what}.`, { fix, ...(cause !== undefined && { cause }) });
