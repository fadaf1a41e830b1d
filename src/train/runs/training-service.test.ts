import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { systemClock } from '../../platform/clock';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { createLocalLocks } from '../../platform/storage/locks';
import { AppError } from '../../protocol/errors';
import { RagCache } from '../precompute/rag-cache';
import type { RunConfig } from '../records';
import type { ListedRun } from '../worker-api';
import { defaultRunConfig } from './default-config';
import { RunStore } from './run-store';
import type { RunChannel, RunData } from './service-parts';
import { countingSessions, type CountingOptions } from './testing/counting-session';
import { MemoryRecords } from './testing/memory-records';
import { TrainingService } from './training-service';

const noData: RunData = {
  sets: () => Promise.resolve([]),
  questions: () => Promise.resolve([]),
  add: () => Promise.reject(new AppError('UNSUPPORTED', 'There is no place for questions.')),
  remove: () => Promise.resolve(),
  journal: () => ({ read: () => Promise.resolve(''), append: () => Promise.resolve() }),
  imported: () => Promise.resolve(new RagCache()),
  known: () => Promise.resolve(new RagCache()),
  setImported: () => Promise.resolve(),
  everything: () => Promise.resolve(new RagCache()),
};

/** Two tabs of one origin: one store, one set of locks, each with a service of its own. */
function twoTabs(options: CountingOptions = {}): readonly [TrainingService, TrainingService] {
  let ids = 0;
  const store = new RunStore({
    ...{ records: new MemoryRecords(), files: new MemoryFileStore(), folder: (run) => `runs/${run}` },
    now: () => new Date(0).toISOString(),
    newId: () => `run${ids++}`,
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  });
  const locks = createLocalLocks();
  const listeners: Parameters<RunChannel['listen']>[0][] = [];
  const tab = (mine: number): TrainingService =>
    new TrainingService({
      ...{ store, locks, data: noData, open: countingSessions(options).open },
      channel: {
        send: (run, event) =>
          listeners.forEach((listener, i) => {
            if (i !== mine) listener(run, event);
          }),
        listen: (listener) => void listeners.push(listener),
      },
      exportModel: () => Promise.reject(new AppError('UNSUPPORTED', 'Nothing is exported here.')),
      ...{ clock: systemClock, now: () => 'now' },
    });
  return [tab(0), tab(1)];
}

function configOf(steps: number): RunConfig {
  const config = defaultRunConfig();
  Object.assign(config.ppo.batch, { prompts: 3, miniBatch: 3 });
  config.ppo.run = { epochs: 100, steps, saveEvery: 10, saveAt: [] };
  return config;
}

/** What a tab is told of a run's standing, in order. */
function watched(tab: TrainingService, run: string, signal: AbortSignal): ListedRun[] {
  const told: ListedRun[] = [];
  void tab.watch(
    run,
    (event) => {
      if (event.type === 'status') told.push(event.run);
    },
    signal,
  );
  return told;
}

const standing = ({ status, owner }: ListedRun) => ({ status, owner });

test('a run that has ended is told last of all as nobody’s, in its tab and in the others', async () => {
  const tabs = twoTabs();
  const [tab] = tabs;
  const { id } = await tab.createRun(configOf(2));
  const end = new AbortController();
  const told = tabs.map((each) => watched(each, id, end.signal));
  await tab.start(id);
  const nobodys = { status: 'finished', owner: 'none' };
  for (const each of told) await expect.poll(() => each.map(standing).at(-1)).toEqual(nobodys);
  expect(told[0]?.map(standing)).toContainEqual({ status: 'running', owner: 'here' });
  expect(told[1]?.map(standing)).toContainEqual({ status: 'running', owner: 'elsewhere' });
  end.abort();
});

test('a run that was stopped is free for another tab at once', async () => {
  const [one, other] = twoTabs({ before: () => systemClock.sleep(5) });
  const { id } = await one.createRun(configOf(1000));
  await one.start(id);
  await expect(other.start(id)).rejects.toMatchObject({ code: 'BUSY' });
  await one.stop(id);
  expect(standing(await one.getRun(id))).toEqual({ status: 'stopped', owner: 'none' });
  await other.start(id);
  expect((await one.getRun(id)).owner).toBe('elsewhere');
  await other.stop(id);
});
