import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryFileStore } from '../../platform/storage/file-store';
import type { RunRecord } from '../records';
import { defaultRunConfig } from './default-config';
import type { RunFiles } from './run-parts';
import { RunStore } from './run-store';
import { MemoryRecords } from './testing/memory-records';

class Killed extends Error {}

/** Stops everything at one operation: the file that is being written is torn there, as a crash tears it. */
class Crash {
  #left: number;

  constructor(operations: number) {
    this.#left = operations;
  }

  /** @returns whether this operation is the last one, and happens in part */
  next(): boolean {
    if (this.#left < 0) throw new Killed();
    this.#left -= 1;
    return this.#left < 0;
  }
}

class FragileFiles implements RunFiles {
  constructor(
    private readonly inner: MemoryFileStore,
    private readonly crash: Crash,
    private readonly torn: number,
  ) {}

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.crash.next()) {
      await this.inner.write(path, bytes.slice(0, Math.floor(bytes.length * this.torn)));
      throw new Killed();
    }
    await this.inner.write(path, bytes);
  }

  read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.inner.read(path);
  }

  list(folder: string): Promise<string[]> {
    return this.inner.list(folder);
  }

  async remove(path: string): Promise<void> {
    if (this.crash.next()) throw new Killed();
    await this.inner.remove(path);
  }
}

/** A record is replaced as a whole or not at all. */
class FragileRecords extends MemoryRecords {
  constructor(
    inner: MemoryRecords,
    private readonly crash: Crash,
    private readonly torn: number,
  ) {
    super(inner.runs, inner.stepRecords);
  }

  override async put(record: RunRecord): Promise<void> {
    const last = this.crash.next();
    if (!last || this.torn > 0.5) await super.put(record);
    if (last) throw new Killed();
  }
}

const storeOf = (records: MemoryRecords, files: RunFiles): RunStore =>
  new RunStore({
    ...{ records, files, folder: (run) => `runs/${run}`, newId: () => 'run' },
    now: () => '2026-01-01T00:00:00.000Z',
    sha256: (bytes) => Promise.resolve(createHash('sha256').update(bytes).digest('hex')),
  });

const contentOf = (step: number) => ({
  ...{ step, cursor: step * 4 },
  state: {
    tensors: [{ name: 'a', shape: [3], values: Float32Array.of(step, -step, Math.fround(step / 7)) }],
    numbers: { updates: step, kl: 0.1 + step },
  },
});

describe('checkpoints', () => {
  test('survive a crash at any operation of any save, however far a file had come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.constantFrom(0, 0.01, 0.5, 0.99, 1),
        fc.boolean(),
        async (operations, torn, kept) => {
          const [records, files] = [new MemoryRecords(), new MemoryFileStore()];
          const { id } = await storeOf(records, files).create(defaultRunConfig());
          const crash = new Crash(operations);
          const dying = storeOf(
            new FragileRecords(records, crash, torn),
            new FragileFiles(files, crash, torn),
          );
          let saved = 0;
          try {
            for (let step = 1; step <= 5; step += 1) {
              await dying.save(id, contentOf(step), { kept: kept && step % 2 === 0 });
              saved = step;
            }
          } catch (error) {
            expect(error).toBeInstanceOf(Killed);
          }
          const store = storeOf(records, files);
          const loaded = await store.load(id);
          const step = loaded?.content.step ?? 0;
          expect(loaded?.damaged ?? []).toEqual([]);
          expect(step).toBeGreaterThanOrEqual(saved);
          if (loaded) expect(loaded.content).toEqual(contentOf(step));
          await store.sweep(id);
          const { checkpoints } = await store.get(id);
          expect(files.files.size).toBe(checkpoints.length);
          for (const info of checkpoints) await store.payload(id, info.step);
          // And it goes on.
          await store.save(id, contentOf(step + 1));
          expect((await store.load(id))?.content.step).toBe(step + 1);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('come back to the bit, the numbers beside them too', async () => {
    const store = storeOf(new MemoryRecords(), new MemoryFileStore());
    const { id } = await store.create(defaultRunConfig());
    const odd = contentOf(1);
    odd.state.numbers.kl = 0.1 + 0.2;
    odd.state.tensors[0]!.values.set([1e-45, -0, 3.4e38]);
    await store.save(id, odd);
    const { content } = (await store.load(id))!;
    expect(content.state.numbers).toEqual({ updates: 1, kl: 0.1 + 0.2 });
    expect(Object.is(content.state.tensors[0]!.values[1], -0)).toBe(true);
    expect([...content.state.tensors[0]!.values]).toEqual([...odd.state.tensors[0]!.values]);
  });

  test('are refused where all are damaged, rather than begun anew', async () => {
    const files = new MemoryFileStore();
    const store = storeOf(new MemoryRecords(), files);
    const { id } = await store.create(defaultRunConfig());
    for (const step of [1, 2]) await store.save(id, contentOf(step));
    for (const bytes of files.files.values()) bytes[40]! ^= 0x10;
    await expect(store.load(id)).rejects.toMatchObject({ code: 'INTEGRITY' });
    expect((await store.get(id)).checkpoints).toHaveLength(2);
  });

  test('without room leave the one before', async () => {
    const files = new MemoryFileStore(500);
    const store = storeOf(new MemoryRecords(), files);
    const { id } = await store.create(defaultRunConfig());
    await store.save(id, contentOf(1));
    const large = contentOf(2);
    large.state.tensors[0]!.shape = [3];
    large.state.tensors.push({ name: 'b', shape: [1000], values: new Float32Array(1000) });
    await expect(store.save(id, large)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect((await store.load(id))?.content.step).toBe(1);
    expect(files.files.size).toBe(1);
  });

  test('the newest cannot be deleted, another can, and a kept one stays', async () => {
    const store = storeOf(new MemoryRecords(), new MemoryFileStore());
    const { id } = await store.create(defaultRunConfig());
    await store.save(id, contentOf(1));
    await store.keep(id, 1, true);
    for (const step of [2, 3, 4]) await store.save(id, contentOf(step));
    const steps = async () => (await store.get(id)).checkpoints.map((c) => c.step);
    expect(await steps()).toEqual([1, 3, 4]);
    await expect(store.removeCheckpoint(id, 4)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await store.removeCheckpoint(id, 3);
    expect(await steps()).toEqual([1, 4]);
  });
});
