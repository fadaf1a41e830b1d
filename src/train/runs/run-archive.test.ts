import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryFileStore } from '../../platform/storage/file-store';
import { defaultRunConfig } from './default-config';
import { readRunArchive, writeRunArchive } from './run-archive';
import { RunStore } from './run-store';
import { MemoryRecords } from './testing/memory-records';

function setUp() {
  const files = new MemoryFileStore();
  const records = new MemoryRecords();
  let ids = 0;
  const store = new RunStore({
    ...{ records, files, folder: (run) => `runs/${run}`, newId: () => `new${ids++}` },
    now: () => '2026-01-02T03:04:05.000Z',
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  });
  return { store, files, records };
}

async function trained() {
  const parts = setUp();
  const { store } = parts;
  const { id } = await store.create(defaultRunConfig());
  for (const step of [1, 2, 3, 4]) {
    const rollout = {
      ...{ questionId: 'q', question: 'Who?', goldAnswers: ['Ada'], events: [] },
      reward: { score: 1, accuracy: 1, answer: 'Ada' },
      tokens: [{ text: 'Ada', action: true, advantage: 0.5 }],
    };
    const at = '2026-01-01T00:00:00.000Z';
    await store.putStep(id, { step, at, metrics: { score: step / 7 }, rollouts: [rollout] }, step * 3);
    const tensors = [{ name: 'w', shape: [2], values: Float32Array.of(step, 0.1) }];
    const content = { step, cursor: step * 3, state: { tensors, numbers: { n: step } } };
    await store.save(id, content, { score: step / 7, kept: step === 1 });
  }
  const record = await store.update(id, (run) => ({ ...run, status: 'running' as const }));
  return { ...parts, record, file: (await writeRunArchive(store, record)).blob };
}

const changed = async (file: Blob, at: number): Promise<Blob> => {
  const bytes = new Uint8Array(await file.arrayBuffer());
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return new Blob([bytes]);
};

describe('a run as one file', () => {
  test('comes back with its steps, rollouts and checkpoints, and what was running has stopped', async () => {
    const { store, record, file } = await trained();
    const other = setUp();
    const read = await readRunArchive(other.store, file);
    expect(read).toEqual({ ...record, status: 'stopped', checkpoints: expect.anything() as unknown });
    expect(read.checkpoints.map(({ at: _, ...info }) => info)).toEqual(
      record.checkpoints.map(({ at: _, ...info }) => info),
    );
    for (const { step } of await store.steps(record.id)) {
      expect(await other.store.step(read.id, step)).toEqual(await store.step(record.id, step));
    }
    expect((await other.store.load(read.id))?.content).toEqual((await store.load(record.id))?.content);
  });

  test('comes under another id where its own is taken', async () => {
    const { store, record, file } = await trained();
    const again = await readRunArchive(store, file);
    expect(again.id).not.toBe(record.id);
    expect(await store.list()).toHaveLength(2);
  });

  test.each([
    ['a changed checkpoint', (file: Blob) => changed(file, -3), 'INTEGRITY'],
    ['a missing end', (file: Blob) => Promise.resolve(file.slice(0, file.size - 5)), 'BAD_INPUT'],
    ['a changed list', (file: Blob) => changed(file, 4), 'BAD_INPUT'],
    ['another file', () => Promise.resolve(new Blob(['# A heading\n'])), 'BAD_INPUT'],
    ['nothing', () => Promise.resolve(new Blob([])), 'BAD_INPUT'],
  ])('with %s is refused, and leaves nothing behind', async (_, damage, code) => {
    const { file } = await trained();
    const { store, files, records } = setUp();
    await expect(readRunArchive(store, await damage(file))).rejects.toMatchObject({ code });
    expect(await store.list()).toEqual([]);
    expect(files.files.size).toBe(0);
    expect(records.stepRecords.size).toBe(0);
  });
});
