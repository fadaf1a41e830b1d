import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { ImportJobs, type Work } from './import-jobs.svelte';
import type { ImportReport } from './laboratory';

const entry = {
  ...{ id: 'a', name: 'A', passages: 9, bytes: 100, encoder: null, createdAt: '', builtIn: false },
};
const report: ImportReport = { entry, refusals: [] };

/** Ends when one of the signals fires, or when it is let go. */
function waiting(): { work: Work; finish: () => void } {
  let finish = (): void => undefined;
  const work: Work = {
    ...{ name: 'Lamps', task: 'import', files: 2 },
    run: (onProgress, signal, pause) =>
      new Promise((resolve, reject) => {
        onProgress({ done: 1, total: 2, unit: 'files' });
        const stop = (): void => reject(new AppError('ABORTED', 'Stopped.'));
        signal.addEventListener('abort', stop);
        pause.addEventListener('abort', stop);
        finish = () => resolve(report);
      }),
  };
  return { work, finish: () => finish() };
}

describe('imports under way', () => {
  it('are told as they go, and when they end; then they can be dismissed', async () => {
    let changes = 0;
    const jobs = new ImportJobs(() => {
      changes++;
      return Promise.resolve();
    });
    const { work, finish } = waiting();
    const ended = jobs.start(work);
    expect(jobs.list).toMatchObject([{ name: 'Lamps', status: 'running', files: 2, measured: { done: 1 } }]);
    finish();
    await ended;
    expect(jobs.list).toMatchObject([{ status: 'done', report }]);
    expect(changes).toBe(1);
    jobs.dismiss(jobs.list[0]?.id ?? 0);
    expect(jobs.list).toEqual([]);
  });

  it('leave the list when they are paused, and say so when they are cancelled, pausing or not', async () => {
    const listed: number[] = [];
    const jobs = new ImportJobs(() => {
      // What was paused goes when the unfinished are known, of which it is one.
      listed.push(jobs.list.length);
      return Promise.resolve();
    });
    const [paused, cancelled] = [jobs.start(waiting().work), jobs.start(waiting().work)];
    const [first, second] = jobs.list.map(({ id }) => id);
    jobs.pause(first ?? 0);
    expect(jobs.list[0]?.pausing).toBe(true);
    jobs.cancel(second ?? 0);
    jobs.pause(second ?? 0);
    await Promise.all([paused, cancelled]);
    expect(jobs.list).toMatchObject([{ id: second, status: 'cancelled' }]);
    expect(jobs.paused).toBe('Lamps');
    expect(listed).toEqual([2, 2]);
  });

  it('that fail are tried again as they were, or in a way of their own', async () => {
    const jobs = new ImportJobs(() => Promise.resolve());
    let tries = 0;
    const run = (): Promise<ImportReport> =>
      ++tries < 2 ? Promise.reject(new AppError('NETWORK', 'Cut.')) : Promise.resolve(report);
    await jobs.start({ name: 'Lamps', task: 'update', run });
    expect(jobs.list).toMatchObject([{ status: 'failed', error: { code: 'NETWORK' } }]);
    await jobs.retry(jobs.list[0]?.id ?? 0);
    expect(jobs.list).toMatchObject([{ status: 'done' }]);
    tries = 0;
    let own = 0;
    await jobs.start({
      name: 'Left',
      ...{ task: 'import', resumed: true },
      run,
      retry: () => Promise.resolve(own++).then(() => undefined),
    });
    await jobs.retry(jobs.list[1]?.id ?? 0);
    expect(own).toBe(1);
    expect(jobs.list).toHaveLength(1);
  });
});
