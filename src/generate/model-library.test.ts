import 'fake-indexeddb/auto';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHubServer, type HubServer } from '../../tests/servers/hub-server';
import { TOY_CONFIG, toyModelFolder } from '../../tests/servers/toy-model';
import { Random } from '../lm/random';
import { writePeftAdapter } from '../lm/lora/write-peft';
import { systemClock } from '../platform/clock';
import { lazyDatabase } from '../platform/storage/browser-storage';
import { MemoryFileStore } from '../platform/storage/file-store';
import { createLocalLocks } from '../platform/storage/locks';
import { createModelStore } from '../platform/storage/model-store';
import type { GenerateEvent } from '../protocol/language-model';
import { idFor } from '../protocol/model-ids';
import type { ImportProgress, WeightType } from '../protocol/model-import';
import type { ImportModelRequest, ModelStore } from '../protocol/model-library';
import { LocalModelService } from './local-service';
import { ModelLibrary } from './model-library';
import { pickBackend } from './pick-backend';

const REPOSITORY = 'owner/demo';
let root: string;
let hub: HubServer;
let databases = 0;
let name: string;
let files: MemoryFileStore;
let library: ModelLibrary;
let quotaBytes: number;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await mkdir(join(root, 'owner'));
  await cp('models/demo', join(root, REPOSITORY), { recursive: true });
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** As a page that has just been opened sees it: nothing in memory. */
const openStore = (): ModelStore =>
  createModelStore({
    database: lazyDatabase(name),
    files,
    locks: createLocalLocks(),
    estimate: () => Promise.resolve({ usedBytes: files.usedBytes, quotaBytes, persisted: false }),
    now: () => new Date(0).toISOString(),
  });
const openLibrary = (): ModelLibrary =>
  new ModelLibrary({
    ...{ store: openStore, fetch: globalThis.fetch, clock: systemClock },
    exportTo: () => Promise.reject(new Error('nothing is exported here')),
  });

beforeEach(async () => {
  hub = await startHubServer(root);
  name = `library-${++databases}`;
  files = new MemoryFileStore();
  quotaBytes = 1e9;
  library = openLibrary();
});
afterEach(() => hub.close());

const fromHub = (repository = REPOSITORY): ImportModelRequest['from'] => ({
  ...{ kind: 'hub', hub: hub.url.replace(/\/$/, ''), repository, revision: 'main' },
});
const request = (weights: WeightType | undefined, from = fromHub()): ImportModelRequest => ({
  id: idFor(from, weights, []),
  from,
  ...(weights && { weights }),
});
const dropped = (
  folder: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  top = 'toy',
): ImportModelRequest['from'] => ({
  kind: 'files',
  name: top,
  files: [...folder].map(([path, bytes]) => ({ path: `${top}/${path}`, file: new Blob([bytes]) })),
});

async function textOf(events: AsyncIterable<GenerateEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'done') text = event.text;
  return text;
}

const openService = (): LocalModelService =>
  new LocalModelService({
    fetch: globalThis.fetch,
    sha256: (bytes) => crypto.subtle.digest('SHA-256', bytes),
    pick: (wanted) => pickBackend(undefined, wanted),
    clock: systemClock,
    store: openStore,
  });

const load = (id: string) => ({ modelsUrl: '', model: { kind: 'stored' as const, id } });
const question = {
  messages: [{ role: 'user' as const, content: 'Who built the bridge?' }],
  maxTokens: 6,
  temperature: 0,
};

describe('a model of the hub', () => {
  it('is told in exact bytes before a byte of its weights is fetched', async () => {
    const { id: _id, ...wanted } = request('q4');
    const summary = await library.inspectModel(wanted);
    expect(summary).toMatchObject({ architecture: 'Qwen2ForCausalLM', weights: 'q4' });
    expect(summary.sourceBytes).toBeGreaterThan(2.4e6);
    expect(summary.packBytes).toBeLessThan(summary.sourceBytes);
    const sent = hub.requests.reduce((sum, { sent: bytes }) => sum + bytes, 0);
    expect(sent).toBeLessThan(200_000);
  });

  it('is stored, and answers from the store as the original does', async () => {
    const progress: ImportProgress[] = [];
    const model = await library.importModel(request('f32'), (event) => progress.push(event));
    expect(model).toMatchObject({ id: 'owner-demo-f32', state: 'ready', name: REPOSITORY });
    expect(model.config).toMatchObject({ hidden_size: 128 });
    expect(progress.at(-1)).toMatchObject({ phase: 'finish', done: progress.at(-1)?.total });
    expect(await library.listModels()).toMatchObject([{ id: model.id, busy: false }]);

    const service = openService();
    const info = await service.load(load(model.id));
    expect(info).toMatchObject({ id: model.id, device: 'cpu' });
    const answer = await textOf(service.generate(question));
    await service.unload();

    const direct = await library.importModel(request('f32', dropped(await demoFolder(), 'demo')));
    const again = openService();
    await again.load(load(direct.id));
    expect(await textOf(again.generate(question))).toBe(answer);
    await again.unload();
  });

  it('goes on after an abort where it was, and fetches hardly anything twice', async () => {
    const abort = new AbortController();
    const interrupted = library.importModel(
      request('q4'),
      ({ done, total }) => done > total / 2 && abort.abort(),
      abort.signal,
    );
    await expect(interrupted).rejects.toMatchObject({ code: 'ABORTED' });
    const [paused] = await openLibrary().listModels();
    expect(paused).toMatchObject({ state: 'paused', busy: false });
    hub.requests.length = 0;
    const model = await openLibrary().importModel(request('q4'));
    expect(model).toMatchObject({ state: 'ready' });
    const { resumedBytes = 0, sourceBytes = 0 } = model.report ?? {};
    expect(resumedBytes).toBeGreaterThan(0.3 * sourceBytes);
    const again = hub.requests
      .filter(({ path }) => path.endsWith('.safetensors'))
      .reduce((sum, { sent }) => sum + sent, 0);
    expect(again).toBeLessThan(1.1 * sourceBytes - resumedBytes);
  });

  it('can be cancelled: deleting frees every byte', async () => {
    const abort = new AbortController();
    await library
      .importModel(request('q4'), ({ done }) => done > 0 && abort.abort(), abort.signal)
      .catch(() => undefined);
    await library.deleteModel('owner-demo-q4');
    expect(files.files.size).toBe(0);
    expect(await library.listModels()).toEqual([]);
  });

  it('that is not there, or needs a token, is said to be so, and nothing is stored', async () => {
    await expect(library.importModel(request('q4', fromHub('owner/none')))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await hub.close();
    hub = await startHubServer(root, { token: 'secret' });
    await expect(library.importModel(request('q4'))).rejects.toMatchObject({ code: 'AUTH' });
    expect(await library.listModels()).toEqual([]);
    const from = { ...fromHub(), token: 'secret' };
    await library.importModel(request('q4', from));
    // The token is in no record.
    expect(JSON.stringify(await library.listModels())).not.toContain('secret');
  });

  it('is not begun where there is no room, and removed where the room ends', async () => {
    quotaBytes = 100_000;
    await expect(library.importModel(request('q4'))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(files.files.size).toBe(0);
    quotaBytes = 1e9;
    files = new MemoryFileStore(300_000);
    await expect(openLibrary().importModel(request('q4'))).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(files.files.size).toBe(0);
  });
});

async function demoFolder(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const folder = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']) {
    folder.set(path, new Uint8Array(await readFile(join('models/demo', path))));
  }
  return folder;
}

describe('a stored model', () => {
  it('whose bytes were altered is not used, and the file is named', async () => {
    const model = await library.importModel(request(undefined, dropped(toyModelFolder())));
    const shard = [...files.files.keys()].find((path) => path.endsWith('.bin')) ?? '';
    const bytes = files.files.get(shard);
    if (!bytes) throw new Error('There is no shard.');
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    const service = openService();
    await expect(service.load(load(model.id))).rejects.toMatchObject({
      code: 'INTEGRITY',
      context: { file: expect.stringContaining('.bin') as string },
    });
    files.files.delete(shard);
    await expect(service.load(load(model.id))).rejects.toMatchObject({ code: 'INTEGRITY' });
  });

  it('is dropped again as a pack, with its hashes checked', async () => {
    const model = await library.importModel(request('f32', dropped(toyModelFolder())));
    const pack = new Map(
      [...files.files].map(([path, bytes]) => [path.slice(`models/${model.id}/`.length), bytes]),
    );
    const copy = await library.importModel(request(undefined, dropped(pack, 'copy')));
    expect(copy).toMatchObject({ id: 'copy-stored', state: 'ready', config: TOY_CONFIG });
    const shard = [...pack.keys()].find((path) => path.endsWith('.bin')) ?? '';
    const damaged = (pack.get(shard) ?? new Uint8Array()).map((byte, i) => (i === 100 ? byte ^ 1 : byte));
    const wrong = library.importModel(
      request(undefined, dropped(new Map([...pack, [shard, damaged]]), 'wrong')),
    );
    await expect(wrong).rejects.toMatchObject({ code: 'INTEGRITY' });
    expect((await library.listModels()).map(({ id, state }) => `${id} ${state}`)).toContain(
      'copy-stored ready',
    );
    expect(
      (await library.listModels()).some(({ id, state }) => id === 'wrong-stored' && state === 'ready'),
    ).toBe(false);
  });

  it('takes an adapter that fits it, and refuses one that does not, by name', async () => {
    const model = await library.importModel(request('f32', dropped(toyModelFolder())));
    const adapter = (outputs: number): ImportModelRequest['from'] => {
      const pair = { layer: 0, module: 'o_proj', rank: 2, alpha: 64 } as const;
      const random = new Random(3);
      const noise = (length: number) => Float32Array.from({ length }, () => random.uniform() - 0.5);
      const [down, up] = [noise(2 * 16), noise(outputs * 2)];
      const written = writePeftAdapter({
        ...{ rankStabilised: false, baseModel: undefined, pairs: [{ ...pair, down, up }] },
      });
      return dropped(new Map(written.map(({ path, bytes }) => [path, bytes])), 'my-run');
    };
    const changed = await library.addAdapter({ model: model.id, from: adapter(16) });
    expect(changed.adapters).toMatchObject([{ id: 'my-run', name: 'my-run' }]);
    expect([...files.files.keys()]).toContain(`models/${model.id}/adapters/my-run/adapter_config.json`);
    const service = openService();
    expect((await service.load(load(model.id))).adapters).toEqual(['my-run']);
    const plain = await textOf(service.generate(question));
    expect(await textOf(service.generate({ ...question, adapter: 'my-run' }))).not.toBe(plain);
    expect(await textOf(service.generate(question))).toBe(plain);
    await expect(textOf(service.generate({ ...question, adapter: 'none' }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await service.unload();
    await expect(library.addAdapter({ model: model.id, from: adapter(24) })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(
      library.addAdapter({ model: model.id, from: dropped(toyModelFolder(), 'no adapter') }),
    ).rejects.toThrow('There is no adapter_config.json.');
    expect((await library.removeAdapter(model.id, 'my-run')).adapters).toEqual([]);
  });

  it('is refused by name where the engine does not know its architecture', async () => {
    const folder = toyModelFolder();
    const config = { ...TOY_CONFIG, architectures: ['MambaForCausalLM'] };
    folder.set('config.json', new TextEncoder().encode(JSON.stringify(config)));
    await expect(library.importModel(request('q4', dropped(folder)))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('MambaForCausalLM') as string,
    });
    expect(files.files.size).toBe(0);
  });
});
