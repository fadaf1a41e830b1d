import 'fake-indexeddb/auto';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOY_CONFIG, toyModelFolder } from '../../tests/servers/toy-model';
import { mergedCheckpoint } from '../lm/lora/merge';
import { readAdapter } from './adapter-files';
import { parseModelConfig } from '../lm/config';
import { floatsOf } from '../lm/checkpoint';
import { FilesSource } from '../lm/import/files-source';
import { openModel, type OpenedModel } from '../lm/import/open-model';
import { writePeftAdapter } from '../lm/lora/write-peft';
import { moduleShape } from '../lm/lora/modules';
import { Random } from '../lm/random';
import { systemClock } from '../platform/clock';
import { lazyDatabase } from '../platform/storage/browser-storage';
import { MemoryFileStore } from '../platform/storage/file-store';
import { createLocalLocks } from '../platform/storage/locks';
import { createModelExports } from '../platform/storage/model-export';
import { createModelStore } from '../platform/storage/model-store';
import { toEnvelope } from '../protocol/errors';
import type { ModelExport } from '../protocol/model-export';
import { ModelLibrary } from './model-library';
import { StoredSource } from './stored-model';

const run = promisify(execFile);
const files = new MemoryFileStore();
const estimate = () => Promise.resolve({ usedBytes: 0, quotaBytes: 1e9, persisted: false });
const store = createModelStore({
  ...{ database: lazyDatabase('exports'), files, locks: createLocalLocks(), estimate },
  now: () => new Date(0).toISOString(),
});
let sessions = 0;
const locks = createLocalLocks();
const exportsOf = () =>
  createModelExports({ files, locks, estimate, newId: () => `session-${++sessions}`, now: () => 1e12 });
const open = () =>
  new ModelLibrary({
    store: () => store,
    fetch: globalThis.fetch,
    clock: systemClock,
    exportTo: exportsOf(),
  });
const library = open();

let scratch: string;
const blobs = (map: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) =>
  [...map].map(([path, bytes]) => ({ path, file: new Blob([bytes]) }));

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 's3-export-'));
  const from = { kind: 'files' as const, name: 'My Toy', files: blobs(toyModelFolder()) };
  await library.importModel({ id: 'toy', from, weights: 'q8' });
  const random = new Random(7);
  const pairs = (['q_proj', 'up_proj'] as const).map((module) => {
    const { inputs, outputs } = moduleShape(parseModelConfig(TOY_CONFIG), module);
    const values = (count: number) => Float32Array.from({ length: count }, () => random.uniform() - 0.5);
    return { layer: 0, module, rank: 2, alpha: 4, down: values(2 * inputs), up: values(2 * outputs) };
  });
  const peft = new Map(
    writePeftAdapter({ rankStabilised: false, baseModel: 'toy', pairs }).map(({ path, bytes }) => [
      path,
      bytes,
    ]),
  );
  await library.addAdapter({ model: 'toy', from: { kind: 'files', name: 'steps', files: blobs(peft) } });
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** What tar itself makes of the archive, by path below its one folder. */
async function unpacked({ archive, name }: ModelExport): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  if (!archive) throw new Error('no archive');
  const at = await mkdtemp(join(scratch, 'tar-'));
  await writeFile(join(at, 'model.tar'), new Uint8Array(await archive.arrayBuffer()));
  await run('tar', ['-xf', 'model.tar'], { cwd: at });
  const names = await readdir(join(at, name), { recursive: true });
  return new Map(
    await Promise.all(
      names.map(async (path) => [path, new Uint8Array(await readFile(join(at, name, path)))] as const),
    ),
  );
}

async function tensorsOf(model: Pick<OpenedModel, 'checkpoint'>): Promise<Map<string, number[]>> {
  const all = new Map<string, number[]>();
  for (const [name, tensor] of model.checkpoint.tensors) {
    all.set(name, [...floatsOf(await tensor.readRows(0, tensor.shape[0] ?? 1))]);
  }
  return all;
}

const reopen = (map: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) =>
  openModel({
    source: new FilesSource('back', new Map([...map].map(([path, bytes]) => [path, new Blob([bytes])]))),
  });
const stored = () => openModel({ source: new StoredSource(store, 'toy') });

describe('an exported model', () => {
  it('comes back from a pack bit by bit, as another model with the same files', async () => {
    const before = files.usedBytes;
    const map = await unpacked(await library.exportModel({ model: 'toy', format: 'pack' }));
    // The archive is put together from what lies there.
    expect(files.usedBytes).toBe(before);
    await library.importModel({ id: 'again', from: { kind: 'files', name: 'again', files: blobs(map) } });
    const paths = (await store.files('again')).map(({ path }) => path).sort();
    expect(paths).toEqual([...map.keys()].sort());
    for (const path of paths) {
      expect(files.files.get(`models/again/${path}`), path).toEqual(files.files.get(`models/toy/${path}`));
    }
  });

  it('has the same values as safetensors in f32, and its tokenizer and template beside them', async () => {
    const map = await unpacked(
      await library.exportModel({ model: 'toy', format: 'safetensors', type: 'f32' }),
    );
    expect([...map.keys()].sort()).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']),
    );
    expect(await tensorsOf(await reopen(map))).toEqual(await tensorsOf(await stored()));
  });

  it('has an adapter merged in, to the bit', async () => {
    const exported = await library.exportModel({
      model: 'toy',
      format: 'safetensors',
      type: 'f32',
      adapter: 'steps',
    });
    expect(exported.name).toBe('my-toy-steps-f32');
    const opened = await stored();
    const adapter = await readAdapter(
      new StoredSource(store, 'toy', 'adapters/steps/'),
      parseModelConfig(opened.config),
    );
    const merged = await tensorsOf({ checkpoint: mergedCheckpoint(opened.checkpoint, adapter) });
    expect(await tensorsOf(await reopen(await unpacked(exported)))).toEqual(merged);
    expect(merged).not.toEqual(await tensorsOf(opened));
  });

  it('gives its adapter back as it came', async () => {
    const map = await unpacked(await library.exportModel({ model: 'toy', format: 'peft', adapter: 'steps' }));
    expect([...map.keys()].sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    for (const [path, bytes] of map)
      expect(bytes).toEqual(files.files.get(`models/toy/adapters/steps/${path}`));
  });

  it('tells how far it is, and leaves nothing behind when it is stopped', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const before = files.usedBytes;
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      seen.push(done / total);
      if (done > total / 2) stop.abort();
    };
    const request = { model: 'toy', format: 'safetensors' as const, type: 'f32' as const };
    await expect(library.exportModel(request, onProgress, stop.signal)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(seen.length).toBeGreaterThan(1);
    // What the exports before have made is still there for their downloads, and nothing of this one.
    expect(files.usedBytes).toBe(before);
  });

  it('that is damaged is refused', async () => {
    const shard = [...files.files.keys()].find((path) => /models\/toy\/.*\.bin$/.test(path)) ?? '';
    const bytes = files.files.get(shard)!;
    bytes[5]! ^= 1;
    await expect(library.exportModel({ model: 'toy', format: 'pack' })).rejects.toMatchObject({
      code: 'INTEGRITY',
    });
    bytes[5]! ^= 1;
  });

  it('is not there, or what is asked for does not go together: told by name', async () => {
    const code = (request: Parameters<ModelLibrary['exportModel']>[0]) =>
      library.exportModel(request).then(
        () => 'none',
        (error: unknown) => toEnvelope(error).code,
      );
    expect(await code({ model: 'none', format: 'pack' })).toBe('NOT_FOUND');
    expect(await code({ model: 'toy', format: 'peft' })).toBe('BAD_INPUT');
    expect(await code({ model: 'toy', format: 'pack', adapter: 'steps' })).toBe('BAD_INPUT');
    expect(await code({ model: 'toy', format: 'peft', adapter: 'other' })).toBe('NOT_FOUND');
  });

  it('is held by its session: another one does not remove its archives, a later one does', async () => {
    const mine = () => [...files.files.keys()].filter((path) => path.startsWith('exports/session-1/'));
    expect(mine().length).toBeGreaterThan(0);
    const request = { model: 'toy', format: 'safetensors' as const };
    await open().exportModel(request);
    expect(mine().length).toBeGreaterThan(0);
    // A browser that was closed has given all locks back.
    const exportTo = createModelExports({
      ...{ files, locks: createLocalLocks(), estimate, newId: () => 'later', now: () => 1e12 },
    });
    const later = new ModelLibrary({
      store: () => store,
      fetch: globalThis.fetch,
      clock: systemClock,
      exportTo,
    });
    await later.exportModel(request);
    expect(mine()).toEqual([]);
  });
});
