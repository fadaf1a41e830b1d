import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { systemClock } from '../../platform/clock';
import { AppError } from '../../protocol/errors';
import type { RunConfig, RunRecord } from '../records';
import { defaultRunConfig } from './default-config';
import { RunStore } from './run-store';
import { countingSessions, type CountingOptions } from './testing/counting-session';
import { MemoryRecords } from './testing/memory-records';
import { TrainingRun, type TrainingEvent } from './training-run';

function configOf(steps: number, saveEvery = 2, saveAt: number[] = []): RunConfig {
  const config = defaultRunConfig();
  config.ppo.batch.prompts = 3;
  config.ppo.run = { epochs: 100, steps, saveEvery, saveAt };
  return config;
}

function storeOf(records = new MemoryRecords(), files = new MemoryFileStore()) {
  let ids = 0;
  const store = new RunStore({
    ...{ records, files, folder: (run) => `runs/${run}` },
    now: () => new Date(0).toISOString(),
    newId: () => `run${ids++}`,
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  });
  return { store, records, files };
}

const fastClock = { ...systemClock, sleep: () => Promise.resolve() };

async function setUp(config: RunConfig, options: CountingOptions = {}, given = storeOf()) {
  const { store, records, files } = given;
  const record = await store.create(config);
  const events: TrainingEvent[] = [];
  const { open, sessions } = countingSessions(options);
  const make = (): TrainingRun =>
    new TrainingRun({
      ...{ run: record.id, store, open, clock: fastClock, now: () => 'now' },
      emit: (event) => events.push(event),
    });
  return { store, records, files, id: record.id, events, sessions, make };
}

const numbersOf = async (store: RunStore, id: string): Promise<number[]> => [
  ...(await store.load(id))!.content.state.tensors[0]!.values,
];

/** What an uninterrupted run of so many steps ends with. */
async function straight(steps: number): Promise<number[]> {
  const { store, id, make } = await setUp(configOf(steps));
  expect((await make().train()).status).toBe('finished');
  return numbersOf(store, id);
}

describe('a training run', () => {
  test('takes all questions of an epoch once before any comes again', async () => {
    const { sessions, make } = await setUp(configOf(7));
    await make().train();
    const ids = sessions[0]!.asked.flatMap((asked) => asked.ids);
    expect(ids).toHaveLength(21);
    for (const epoch of [0, 1, 2]) expect(new Set(ids.slice(epoch * 7, epoch * 7 + 7)).size).toBe(7);
    expect(ids.slice(0, 7)).not.toEqual(ids.slice(7, 14));
  });

  test('keeps every step, two generations, and the steps that the configuration names', async () => {
    const { store, id, files, make } = await setUp(configOf(9, 2, [3]));
    const record = await make().train();
    expect(record).toMatchObject({ status: 'finished', step: 9, cursor: 27 });
    expect(record.checkpoints.map((c) => [c.step, c.kept])).toEqual([
      [3, true],
      [8, false],
      [9, false],
    ]);
    expect(files.files.size).toBe(3);
    expect((await store.steps(id)).map((s) => s.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { rollouts, metrics } = await store.step(id, 4);
    expect(rollouts[0]!.reward.score).toBeGreaterThanOrEqual(rollouts[1]!.reward.score);
    expect(rollouts[0]!.tokens).toEqual([
      { text: '3', action: true, advantage: 0.5, value: 0.5 },
      { text: '4', action: true, advantage: 0.5, value: 0.5 },
    ]);
    expect(metrics.policyLoss).toBeGreaterThan(1);
    expect(metrics.rolloutTokensPerSecond).toBeGreaterThan(0);
  });

  test('takes the same course after being killed at any step', async () => {
    const expected = await straight(8);
    for (let killedAt = 1; killedAt <= 8; killedAt += 1) {
      const { store, records, files } = storeOf();
      const killed = await setUp(
        configOf(8),
        {
          before: ({ step }) => {
            // Nothing of the dead thread runs on; what it had open stays as it is.
            if (step === killedAt) return new Promise(() => undefined);
            return undefined;
          },
        },
        { store, records, files },
      );
      void killed.make().train();
      await expect.poll(() => killed.sessions[0]?.asked.length).toBe(killedAt - 1);
      const { open, sessions } = countingSessions();
      const again = new TrainingRun({
        ...{ run: killed.id, store: storeOf(records, files).store, open, clock: fastClock },
        ...{ now: () => 'later', emit: () => undefined },
      });
      expect(await again.train()).toMatchObject({ status: 'finished', step: 8, cursor: 24 });
      expect(await numbersOf(store, killed.id)).toEqual(expected);
      expect(sessions[0]!.trainer.updates).toBe(8);
    }
  });

  test('stands still within an episode while it is paused, and goes on where it was', async () => {
    const { store, id, events, make } = await setUp(configOf(4));
    const run = make();
    const held = run.pause();
    const end = run.train();
    await held;
    await expect.poll(async () => (await store.get(id)).status).toBe('paused');
    expect((await store.get(id)).step).toBe(0);
    run.resume();
    expect((await end).status).toBe('finished');
    expect(await numbersOf(store, id)).toEqual(await straight(4));
    const told = events.flatMap((e) => (e.type === 'status' ? [e.run.status] : []));
    expect(told.indexOf('paused')).toBeLessThan(told.lastIndexOf('running'));
  });

  test('does one step at a time', async () => {
    const { store, id, make } = await setUp(configOf(3));
    const run = make();
    const end = run.train({ once: true });
    for (const step of [1, 2]) {
      await expect.poll(async () => (await store.get(id)).status).toBe('paused');
      expect((await store.get(id)).step).toBe(step);
      run.singleStep();
      await expect.poll(async () => (await store.get(id)).step).toBe(step + 1);
    }
    expect(await end).toMatchObject({ status: 'finished', step: 3 });
  });

  test('saves the last whole step when it is stopped, whatever was under way', async () => {
    const stopIn = async (where: 'rollouts' | 'update'): Promise<RunRecord> => {
      const { store, id, sessions, make } = await setUp(configOf(9, 100), {
        before: ({ step, signal }, session) => {
          if (step !== 3) return undefined;
          if (where === 'update') {
            session.trainer.during = () => run.stop();
            return undefined;
          }
          queueMicrotask(() => run.stop());
          return new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(new AppError('ABORTED', 'Stopped.'))),
          );
        },
      });
      const run = make();
      const record = await run.train();
      expect(sessions[0]!.disposed).toBe(true);
      expect(await numbersOf(store, id)).toEqual(await straight(record.step));
      return record;
    };
    expect(await stopIn('rollouts')).toMatchObject({
      status: 'stopped',
      step: 2,
      checkpoints: [{ step: 2 }],
    });
    expect(await stopIn('update')).toMatchObject({ status: 'stopped', step: 2, checkpoints: [{ step: 2 }] });
  });

  test('stops at what is no number, names the tensor, and leaves the good checkpoint alone', async () => {
    const { store, id, make } = await setUp(configOf(9), {
      before: ({ step }, { trainer }) => {
        if (step === 4) trainer.weight[1] = NaN;
      },
    });
    const record = await make().train();
    expect(record.status).toBe('failed');
    expect(record.error?.message).toContain('weight');
    expect(record.error?.context).toEqual({ tensor: 'weight' });
    expect(record.checkpoints.map((c) => c.step)).toEqual([2]);
    expect((await store.load(id))!.content.state.tensors[0]!.values.every(Number.isFinite)).toBe(true);
  });

  test('goes on from the last checkpoint after the device was lost, three times in a row at most', async () => {
    const lost = new AppError('DEVICE_LOST', 'Gone.', { recoverable: true });
    let losses = 0;
    const { store, id, events, sessions, make } = await setUp(configOf(6), {
      before: ({ step }) => {
        if ((step === 2 || step === 4) && losses < 3) {
          losses += 1;
          throw lost;
        }
      },
    });
    expect((await make().train()).status).toBe('finished');
    expect(await numbersOf(store, id)).toEqual(await straight(6));
    expect(sessions.map((s) => s.disposed)).toEqual([true, true, true, true]);
    expect(events.filter((e) => e.type === 'notice')).toHaveLength(3);
    const always = await setUp(configOf(6), {
      before: () => {
        throw lost;
      },
    });
    expect(await always.make().train()).toMatchObject({ status: 'failed', error: { code: 'DEVICE_LOST' } });
    expect(always.sessions).toHaveLength(4);
  });

  test('uses the older generation where the newest is damaged, and says so', async () => {
    const { store, id, files, events, make } = await setUp(configOf(8));
    const first = make();
    await first.train();
    const newest = [...files.files.keys()].sort().at(-1)!;
    files.files.get(newest)![20]! ^= 1;
    await store.update(id, (record) => ({
      ...record,
      config: {
        ...record.config,
        ppo: { ...record.config.ppo, run: { ...record.config.ppo.run, steps: 10 } },
      },
    }));
    expect(await make().train()).toMatchObject({ status: 'finished', step: 10 });
    expect(events.filter((e) => e.type === 'notice').map((e) => e.message)).toEqual([
      expect.stringContaining('step 8 is damaged'),
    ]);
    expect(await numbersOf(store, id)).toEqual(await straight(10));
  });

  test('saves when it is asked to, in the middle of a step or between two', async () => {
    const { store, id, make } = await setUp(configOf(5, 100), {
      before: ({ step }, { trainer }) => {
        trainer.during = () => void (step === 3 && run.save());
      },
    });
    const run = make();
    await run.train();
    expect((await store.get(id)).checkpoints.map((c) => c.step)).toEqual([3, 5]);
  });
});
