import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../src/protocol/errors';

const LOCK = 'running.pid';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // There is such a process, and it is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/**
 * Does the work while no other process has this run; what a killed one left behind is no hindrance.
 * @throws AppError BUSY
 */
export async function holdRun<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, LOCK);
  await mkdir(folder, { recursive: true });
  for (let attempt = 0; ; attempt += 1) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || attempt > 2) throw error;
      const pid = Number(await readFile(path, 'utf8').catch(() => ''));
      if (pid > 0 && pid !== process.pid && isAlive(pid)) {
        throw new AppError('BUSY', `Process ${pid} is at work on this run.`, {
          fix: 'Wait until it is done, or stop it.',
          recoverable: true,
          context: { pid },
        });
      }
      await rm(path, { force: true });
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
