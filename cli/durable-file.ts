/** Files that are whole or not there, whatever happens while they are written. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { AppError } from '../src/protocol/errors';

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** For what need not be there: `null` where it is not. @throws what went wrong otherwise */
export const orNothing = (error: unknown): null => {
  if (codeOf(error) === 'ENOENT') return null;
  throw error;
};

/** Whether a folder was expected where there is a file. */
export const isNoFolder = (error: unknown): boolean => codeOf(error) === 'ENOTDIR';

/**
 * What is at the path is the old file or all of the new one, and stays when the power goes. `fullFix`: what to do where the disk is full.
 * @throws AppError STORAGE_FULL, PERMISSION
 */
export async function writeWhole(path: string, bytes: string | Uint8Array, fullFix: string): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(part, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(part, { force: true });
    throw writeError(path, error, fullFix);
  }
}

/** The rename itself is on the disk. Windows cannot do this, and need not. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** The same in plain words, where it is a full disk or a missing permission. */
export function writeError(path: string, error: unknown, fullFix: string): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('STORAGE_FULL', `${path} cannot be written: the disk is full.`, {
        ...{ fix: fullFix, recoverable: true, cause: error },
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError('PERMISSION', `${path} cannot be written.`, {
        fix: 'Choose a folder that you may write to.',
        cause: error,
      });
    default:
      return error;
  }
}
