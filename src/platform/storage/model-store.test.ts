import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import type { FileSink, ImportReport } from '../../protocol/model-import';
import type { FilledModel, ModelDraft, ModelStore } from '../../protocol/model-library';
import { lazyDatabase } from './browser-storage';
import { MemoryFileStore } from './file-store';
import { createLocalLocks, type Locks } from './locks';
import { createModelStore, type ModelStoreParts } from './model-store';

let databases = 0;
let name: string;
let files: MemoryFileStore;
let ticks: number;

const draft: ModelDraft = {
  id: 'toy-q4',
  name: 'owner/toy',
  origin: { kind: 'hub', hub: 'https://huggingface.co', repository: 'owner/toy', revision: 'main' },
  weights: 'q4',
  neededBytes: 100,
};
const report: ImportReport = {
  ...{ name: 'hf:owner/toy', architecture: 'Qwen2ForCausalLM', weights: 'q4', parameters: 10 },
  ...{ sourceBytes: 200, packBytes: 100, shards: 2, notices: [], resumedBytes: 0 },
};
const filled: FilledModel = { report, config: { hidden_size: 8 } };
const bytes = (length: number, fill = 7): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);
const progress = (done: number) =>
  ({ phase: 'transfer', done, total: 200, resumed: 0, label: 'shard' }) as const;

async function write(sink: FileSink, note: (p: ReturnType<typeof progress>) => void): Promise<FilledModel> {
  note(progress(100));
  await sink.write('shard-0.bin', bytes(60));
  note(progress(200));
  await sink.write('shard-1.bin', bytes(30));
  await sink.write('pack.json', bytes(10, 1));
  await sink.commit();
  return filled;
}

/** A store as a freshly opened page sees it: same database and files, nothing in memory. */
function reopen(parts: Partial<ModelStoreParts> = {}): ModelStore {
  return createModelStore({
    database: lazyDatabase(name),
    files,
    locks: createLocalLocks(),
    estimate: () => Promise.resolve({ usedBytes: files.usedBytes, quotaBytes: 1e9, persisted: false }),
    now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, ++ticks)).toISOString(),
    ...parts,
  });
}

beforeEach(() => {
  name = `models-${++databases}`;
  files = new MemoryFileStore();
  ticks = 0;
});

describe('stored models', () => {
  it('are there after a reload, with their bytes', async () => {
    const model = await reopen().fill(draft, write);
    expect(model).toMatchObject({ id: 'toy-q4', state: 'ready', bytes: 100, progress: null, ...filled });
    const store = reopen();
    expect(await store.list()).toEqual([{ ...model, busy: false }]);
    expect(await store.get('toy-q4')).toEqual(model);
    expect((await store.files('toy-q4')).map(({ path }) => path)).toEqual([
      'shard-0.bin',
      'shard-1.bin',
      'pack.json',
    ]);
    expect((await store.open('toy-q4', 'shard-0.bin'))?.size).toBe(60);
    expect(await store.open('toy-q4', 'shard-9.bin')).toBeNull();
  });

  it('are told as paused, with how far they came, when an import is interrupted, and go on from there', async () => {
    await expect(
      reopen().fill(draft, async (sink, note) => {
        note(progress(50));
        await sink.write('shard-0.bin', bytes(60));
        throw new AppError('ABORTED', 'Stopped.');
      }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    const store = reopen();
    const [paused] = await store.list();
    expect(paused).toMatchObject({
      state: 'paused',
      bytes: 60,
      progress: { done: 50, total: 200 },
      busy: false,
    });
    const seen: string[] = [];
    const model = await store.fill(draft, async (sink, note) => {
      seen.push(...(await sink.list()).map(({ path }) => path));
      return write(sink, note);
    });
    expect(seen).toEqual(['shard-0.bin']);
    expect(model).toMatchObject({ state: 'ready', createdAt: paused?.createdAt });
  });

  it('are not filled twice at once, and say so in the list', async () => {
    const locks: Locks = createLocalLocks();
    const store = reopen({ locks });
    const other = reopen({ locks });
    let finish = (): void => undefined;
    let started = (): void => undefined;
    const begun = new Promise<void>((resolve) => (started = resolve));
    const first = store.fill(draft, async (sink, note) => {
      started();
      await new Promise<void>((resolve) => (finish = resolve));
      return write(sink, note);
    });
    await begun;
    await expect(other.fill(draft, write)).rejects.toMatchObject({ code: 'BUSY' });
    await expect(other.remove('toy-q4')).rejects.toMatchObject({ code: 'BUSY' });
    expect(await other.list()).toMatchObject([{ state: 'paused', busy: true }]);
    finish();
    await first;
    await expect(other.fill(draft, write)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('are removed whole when the browser gives no more room in the middle', async () => {
    files = new MemoryFileStore(70);
    await expect(reopen().fill(draft, write)).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      recoverable: true,
      fix: expect.stringContaining('removed') as string,
    });
    expect(files.files.size).toBe(0);
    expect(await reopen().list()).toEqual([]);
  });

  it('are not begun when the estimate leaves no room, but go on in the room that they have already', async () => {
    await expect(
      reopen().fill(draft, async (sink) => {
        await sink.write('shard-0.bin', bytes(60));
        throw new AppError('NETWORK', 'Cut.');
      }),
    ).rejects.toMatchObject({ code: 'NETWORK' });
    const tight = (quotaBytes: number): ModelStore =>
      reopen({
        estimate: () => Promise.resolve({ usedBytes: files.usedBytes, quotaBytes, persisted: false }),
      });
    await expect(tight(90).fill(draft, write)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect((await reopen().list())[0]).toMatchObject({ state: 'paused', bytes: 60 });
    expect(await tight(110).fill(draft, write)).toMatchObject({ state: 'ready' });
  });

  it('are no models without a manifest', async () => {
    await expect(
      reopen().fill(draft, async (sink) => {
        await sink.write('shard-0.bin', bytes(60));
        return filled;
      }),
    ).rejects.toMatchObject({ code: 'INTERNAL' });
    expect((await reopen().list())[0]?.state).toBe('paused');
  });

  it('are renamed, configured and deleted, which frees their bytes', async () => {
    const store = reopen();
    await store.fill(draft, write);
    await store.fill({ ...draft, id: 'other', name: 'Other' }, write);
    await store.change('toy-q4', { name: '  Mine ' });
    await store.change('toy-q4', { settings: { maxContext: 2048 } });
    expect(await store.get('toy-q4')).toMatchObject({ name: 'Mine', settings: { maxContext: 2048 } });
    await expect(store.change('toy-q4', { name: ' ' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await store.remove('toy-q4');
    await store.remove('toy-q4');
    expect((await store.list()).map(({ id }) => id)).toEqual(['other']);
    expect([...files.files.keys()].every((path) => path.startsWith('models/other/'))).toBe(true);
    await expect(store.get('toy-q4')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('keep adapters beside them, each under a name of its own', async () => {
    const store = reopen();
    await store.fill(draft, write);
    const adapter = new Map([['adapter_config.json', new Blob(['{}'])]]);
    await Promise.all([
      store.addAdapter('toy-q4', 'My Run', adapter),
      store.addAdapter('toy-q4', 'My Run', adapter),
    ]);
    const model = await store.get('toy-q4');
    expect(model.adapters).toMatchObject([
      { id: 'my-run', name: 'My Run', bytes: 2 },
      { id: 'my-run-2', bytes: 2 },
    ]);
    expect(model.bytes).toBe(100);
    expect(await (await store.open('toy-q4', 'adapters/my-run-2/adapter_config.json'))?.text()).toBe('{}');
    await store.removeAdapter('toy-q4', 'my-run');
    expect((await store.get('toy-q4')).adapters.map(({ id }) => id)).toEqual(['my-run-2']);
    expect(await store.open('toy-q4', 'adapters/my-run/adapter_config.json')).toBeNull();
  });

  it('are swept of folders that nothing knows, but not of what another tab is writing', async () => {
    const locks = createLocalLocks();
    const store = reopen({ locks });
    await store.fill(draft, write);
    await files.write('models/crashed/shard-0.bin', bytes(10));
    await files.write('models/busy/shard-0.bin', bytes(10));
    let finish = (): void => undefined;
    const busy = locks.hold('s3:model:busy', () => new Promise<void>((resolve) => (finish = resolve)));
    expect(await store.sweep()).toBe(1);
    expect(await files.list('models')).toEqual(['toy-q4', 'busy']);
    finish();
    await busy;
    expect(await store.sweep()).toBe(1);
  });

  it('are whole, paused or absent wherever a crash strikes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(16), async (crashAt) => {
        let steps = 0;
        // From the crash on nothing happens any more: neither the rest of the work nor the cleaning up.
        const step = async <T>(work: () => Promise<T>): Promise<T> => {
          if (steps++ >= crashAt) throw new Error('crash');
          return work();
        };
        const database = lazyDatabase(name);
        class Dying extends MemoryFileStore {
          override write(path: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
            return step(() => files.write(path, data));
          }
          override open(path: string): Promise<Blob | null> {
            return files.open(path);
          }
          override walk(folder: string) {
            return files.walk(folder);
          }
          override remove(path: string): Promise<void> {
            return step(() => files.remove(path));
          }
        }
        const dying = reopen({ database: () => step(database), files: new Dying() });
        await dying.fill(draft, write).catch(() => undefined);
        const store = reopen();
        await store.sweep();
        for (const model of await store.list()) {
          if (model.state === 'ready') {
            expect((await store.files(model.id)).map((file) => file.bytes)).toEqual([60, 30, 10]);
          } else {
            expect(await store.fill(draft, write)).toMatchObject({ state: 'ready', bytes: 100 });
          }
          await store.remove(model.id);
        }
        expect(files.files.size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
