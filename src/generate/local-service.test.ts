import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startModelsServer, type ModelsServer } from '../../tests/servers/models-server';
import { TOY_CONFIG, toyModelFolder, toyRegistry } from '../../tests/servers/toy-model';
import { CpuBackend } from '../gpu/cpu/backend';
import type { ModelFiles } from '../lm/local-model';
import { systemClock } from '../platform/clock';
import { AppError, toEnvelope } from '../protocol/errors';
import type { GenerateEvent } from '../protocol/language-model';
import type { Progress } from '../protocol/retrieval';
import { LocalModelService } from './local-service';
import { MemoryFit } from './memory-fit';
import { fetchModelFiles, fetchRegistry, type Sha256 } from './model-folder';
import { pickBackend } from './pick-backend';

const sha256: Sha256 = (bytes) => crypto.subtle.digest('SHA-256', bytes);
const tools = { fetch: globalThis.fetch, sha256 };
const embedded = (id: string) => ({ kind: 'embedded' as const, id });
const noStore = (): never => {
  throw new Error('no store here');
};

let server: ModelsServer;
let service: LocalModelService;
beforeEach(async () => {
  server = await startModelsServer();
  service = new LocalModelService({
    ...tools,
    pick: (wanted) => pickBackend(undefined, wanted),
    clock: systemClock,
    store: noStore,
  });
});
afterEach(async () => {
  await service.unload();
  await server.close();
});

const put = (path: string, value: unknown): void =>
  void server.files.set(
    path,
    new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
  );

const flipped = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte));

/** Cheap to compare, other than arrays of bytes. */
const encoded = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64');

async function textOf(events: AsyncIterable<GenerateEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'done') text = event.text;
  return text;
}

const request = {
  messages: [{ role: 'user' as const, content: 'the bridge' }],
  maxTokens: 8,
  temperature: 0,
};

describe('fetching a model', () => {
  const fetchToy = async (onProgress?: (progress: Progress) => void): Promise<Map<string, Uint8Array>> => {
    const [model] = (await fetchRegistry(server.modelsUrl, fetch)).models;
    if (!model) throw new Error('the registry is empty');
    return fetchModelFiles({
      ...tools,
      modelsUrl: server.modelsUrl,
      model,
      ...(onProgress && { onProgress }),
    });
  };

  it('gives every file as it was published, and tells how far it is', async () => {
    const seen: Progress[] = [];
    const files = await fetchToy((progress) => seen.push(progress));
    expect([...files.keys()]).toEqual([...toyModelFolder().keys()]);
    for (const [name, bytes] of toyModelFolder())
      expect(encoded(files.get(name)) === encoded(bytes)).toBe(true);
    const total = toyRegistry().models[0]?.bytes ?? 0;
    expect(seen.at(-1)).toMatchObject({ done: total, total, unit: 'bytes' });
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
  });

  it.each([
    ['a flipped bit', flipped],
    ['a cut end', (bytes: Uint8Array) => bytes.subarray(0, -7)],
    ['too many bytes', (bytes: Uint8Array) => Uint8Array.of(...bytes.subarray(0, 5000), ...bytes)],
  ])('repairs %s by fetching the file once more', async (_fault, change) => {
    server.faults.set('toy/model.safetensors', change);
    const files = await fetchToy();
    const name = 'model.safetensors';
    expect(encoded(files.get(name)) === encoded(toyModelFolder().get(name))).toBe(true);
    expect(server.requests.filter((path) => path === 'toy/model.safetensors')).toHaveLength(2);
  });

  it('refuses a file that stays wrong, and names it', async () => {
    server.files.set(
      'toy/tokenizer.json',
      flipped(server.files.get('toy/tokenizer.json') ?? new Uint8Array()),
    );
    await expect(fetchToy()).rejects.toMatchObject({
      code: 'INTEGRITY',
      recoverable: true,
      context: { file: 'tokenizer.json' },
    });
  });

  it('tells a missing file from a failing host and from no connection', async () => {
    server.faults.set('toy/config.json', () => 503);
    await expect(fetchToy()).rejects.toMatchObject({ code: 'NETWORK', recoverable: true });
    server.files.delete('toy/config.json');
    await expect(fetchToy()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await server.close();
    await expect(fetchToy()).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('stops on abort', async () => {
    await expect(fetchRegistry(server.modelsUrl, fetch, AbortSignal.abort())).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

describe('the registry', () => {
  const [model] = toyRegistry().models;
  const [file] = model?.files ?? [];

  it.each([
    ['that is no JSON', '{', 'not JSON'],
    ['without models', {}, 'models'],
    [
      'with a path that leads elsewhere',
      { models: [{ ...model, files: [{ ...file, path: '../x' }] }] },
      'path',
    ],
    ['with an absolute path', { models: [{ ...model, files: [{ ...file, path: '/x' }] }] }, 'path'],
    ['with another hash', { models: [{ ...model, files: [{ ...file, sha256: 'abc' }] }] }, 'sha256'],
    ['with a model that has no files', { models: [{ ...model, files: [] }] }, 'files'],
    ['with an id that is no folder', { models: [{ ...model, id: 'a/b' }] }, 'id'],
  ])('%s is refused', async (_what, value, named) => {
    put('registry.json', value);
    await expect(fetchRegistry(server.modelsUrl, fetch)).rejects.toMatchObject({
      code: 'BAD_RESPONSE',
      message: expect.stringContaining(named) as string,
    });
  });
});

describe('LocalModelService', () => {
  it('loads a model, says where it runs and why, and generates', async () => {
    const info = await service.load({ modelsUrl: server.modelsUrl, model: embedded('toy') });
    expect(info).toMatchObject({
      id: 'toy',
      title: 'A toy',
      device: 'cpu',
      reason: 'This browser has no WebGPU.',
      maxContext: 128,
    });
    expect(info.liveBytes).toBeGreaterThan(10_000);
    expect((await textOf(service.generate(request))).length).toBeGreaterThan(0);
    expect(await service.countTokens([' the bridge'])).toEqual([2]);
  });

  it('gives no reason where the CPU was asked for, and refuses where WebGPU was', async () => {
    const info = await service.load({ modelsUrl: server.modelsUrl, model: embedded('toy'), device: 'cpu' });
    expect(info.reason).toBeUndefined();
    const demanded = service.load({ modelsUrl: server.modelsUrl, model: embedded('toy'), device: 'webgpu' });
    await expect(demanded).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('loads the same model once, also when asked twice at the same time', async () => {
    const wanted = { modelsUrl: server.modelsUrl, model: embedded('toy'), maxContext: 64 };
    const [first, second] = await Promise.all([service.load(wanted), service.load(wanted)]);
    expect(second).toBe(first);
    expect(server.requests.filter((path) => path === 'registry.json')).toHaveLength(1);
    expect(first.maxContext).toBe(64);
  });

  it('names the models that there are when asked for another', async () => {
    const missing = service.load({ modelsUrl: server.modelsUrl, model: embedded('none') });
    await expect(missing).rejects.toMatchObject({ code: 'NOT_FOUND', fix: 'Choose one of: toy.' });
    await expect(textOf(service.generate(request))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('reports a folder that lacks a part', async () => {
    const folder = toyModelFolder();
    folder.delete('tokenizer.json');
    put('registry.json', toyRegistry(folder));
    const incomplete = service.load({ modelsUrl: server.modelsUrl, model: embedded('toy') });
    await expect(incomplete).rejects.toThrow('The model toy has no tokenizer.json.');
  });
});

/** Gives so many bytes and no more, as a graphics card does; tells it as WebGPU does, when asked whether all is ready. */
class SmallBackend extends CpuBackend {
  constructor(readonly mostBytes: number) {
    super();
  }
  override async ready(): Promise<void> {
    await super.ready();
    if (this.liveBytes <= this.mostBytes) return;
    throw new AppError('OUT_OF_MEMORY', 'There is no room for the keys.');
  }
}

describe('memory', () => {
  const withMemory = (mostBytes: number, backends: CpuBackend[] = []): LocalModelService =>
    new LocalModelService({
      ...tools,
      clock: systemClock,
      store: noStore,
      pick: () => {
        const backend = new SmallBackend(mostBytes);
        backends.push(backend);
        return Promise.resolve({ backend });
      },
    });
  const wanted = () => ({
    ...{ modelsUrl: server.modelsUrl, model: embedded('toy'), device: 'cpu' as const },
  });

  it('that does not suffice is told in words, with a smaller setting that then fits', async () => {
    const roomy = withMemory(Infinity);
    const { liveBytes: most } = await roomy.load({ ...wanted(), slots: 16 });
    await roomy.unload();
    const backends: CpuBackend[] = [];
    const tight = withMemory(most - 1, backends);
    const error = await tight.load({ ...wanted(), slots: 16 }).then(
      () => undefined,
      (thrown: unknown) => toEnvelope(thrown),
    );
    expect(error).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/“A toy” needs \d+ MB of memory/) as string,
      fix: expect.stringContaining('sequences at a time') as string,
    });
    // To the byte, which the plan's own tests see to.
    expect(Number(error?.context?.['neededBytes']) / most).toBeCloseTo(1, 2);
    const { smallerSlots: slots, smallerContext: maxContext, smallerBytes } = error?.context ?? {};
    const info = await tight.load({ ...wanted(), slots: Number(slots), maxContext: Number(maxContext) });
    expect(info.liveBytes / Number(smallerBytes)).toBeCloseTo(1, 2);
    expect(backends[0]?.liveBytes).toBe(0);
    await tight.unload();
  });

  it('is all given back by unloading, and by loading another model', async () => {
    const backends: CpuBackend[] = [];
    const any = withMemory(Infinity, backends);
    await any.load(wanted());
    await textOf(any.generate(request));
    await any.load({ ...wanted(), maxContext: 64 });
    await any.unload();
    expect(backends.map(({ liveBytes }) => liveBytes)).toEqual([0, 0]);
  });

  it('of the CPU is not filled with what only a graphics card can carry, unless it is asked to', () => {
    const config = {
      ...{ architectures: ['Qwen2ForCausalLM'], vocab_size: 152_064, hidden_size: 3584 },
      ...{
        intermediate_size: 18_944,
        num_hidden_layers: 28,
        num_attention_heads: 28,
        num_key_value_heads: 4,
      },
    };
    const files: ModelFiles = { config, tokenizer: {}, tokenizerConfig: {} };
    const fit = new MemoryFit('Large', files, { ...wanted(), weights: 'q4' }, new CpuBackend());
    expect(() => fit.requireSmallOnCpu()).toThrow(/“Large” needs \d\.\d GB of memory/);
    const small = { ...files, config: TOY_CONFIG };
    expect(() => new MemoryFit('Small', small, wanted(), new CpuBackend()).requireSmallOnCpu()).not.toThrow();
  });
});

describe('pickBackend', () => {
  it('takes the CPU where there is no adapter or it gives no device, and says so', async () => {
    const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
    const picked = await pickBackend(none, 'auto');
    expect(picked.backend).toBeInstanceOf(CpuBackend);
    expect(picked.reason).toContain('no graphics adapter');
    const broken = { requestAdapter: () => Promise.reject(new Error('driver crashed')) } as unknown as GPU;
    expect((await pickBackend(broken, 'auto')).reason).toBe('driver crashed');
    await expect(pickBackend(none, 'webgpu')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
