import { afterEach, describe, expect, it } from 'vitest';
import { connect, serve, type RpcConnection } from '../platform/rpc/connection';
import { AppError } from '../protocol/errors';
import type { GenerateEvent } from '../protocol/language-model';
import type { TextGenerationRequest, TextGenerationWorkerApi } from '../protocol/text-generation-worker';
import type { EndpointStorage } from './endpoints.svelte';
import type { LoadEvent, OnnxModel } from './laboratory';
import { onnxId, onnxOption } from './onnx-id';
import { OnnxModels } from './onnx-models';
import { parseHash } from './route';

const qwen: OnnxModel = {
  repository: 'onnx-community/Qwen2.5-0.5B-Instruct',
  revision: 'main',
  dtype: 'q4',
  bytes: 483_000_000,
};
const smol: OnnxModel = { repository: 'HuggingFaceTB/SmolLM2-135M', revision: 'v1', dtype: 'q8', bytes: 9 };

const done: GenerateEvent = {
  type: 'done',
  text: 'Lake Tove',
  finishReason: 'eos',
  usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 2, prefillMs: 0, decodeMs: 0 },
};

/** Workers on ports, which keep what they were asked. */
const loads: TextGenerationRequest[] = [];
const open: RpcConnection<TextGenerationWorkerApi>[] = [];
function startWorker(): RpcConnection<TextGenerationWorkerApi> {
  const { port1, port2 } = new MessageChannel();
  const api: TextGenerationWorkerApi = {
    measure: ({ id }) =>
      id === 'a/none'
        ? Promise.reject(new AppError('NOT_FOUND', 'a/none has no ONNX model.', { fix: 'Look again.' }))
        : Promise.resolve({ dtype: 'q4', files: [], totalBytes: 483_000_000 }),
    async load(request, onProgress) {
      loads.push(request);
      const tell = (done: number): Promise<void> =>
        Promise.resolve(onProgress?.({ done, total: 10, unit: 'bytes', label: 'model_q4.onnx' }));
      await tell(5);
      await tell(10);
      const { id, revision = 'main', dtype = 'q4' } = request;
      const info = { id, revision, dtype, device: 'wasm' as const, maxContext: 1024, chat: true };
      return { ...info, reason: 'This browser has no WebGPU.' };
    },
    async *generate() {
      await Promise.resolve();
      yield done;
    },
    countTokens: (texts) => Promise.resolve(texts.map(() => 1)),
    unload: () => Promise.resolve(),
  };
  serve(api, port1);
  const connection = connect<TextGenerationWorkerApi>(
    Object.assign(port2, {
      terminate: () => {
        port1.close();
        port2.close();
      },
    }),
  );
  open.push(connection);
  return connection;
}
afterEach(() => {
  loads.length = 0;
  for (const connection of open.splice(0)) connection.close();
});

function memory(stored?: string): EndpointStorage & { value: () => string | null } {
  let value = stored ?? null;
  return {
    value: () => value,
    getItem: () => value,
    setItem: (_key, next) => (value = next),
    removeItem: () => (value = null),
  };
}
const signal = new AbortController().signal;
const load = async (models: OnnxModels, id: string, keep: string[] = [id]): Promise<LoadEvent[]> => {
  const events: LoadEvent[] = [];
  await models.load({ id, part: 'generator', device: 'auto', keep }, (event) => events.push(event), signal);
  return events;
};

describe('the list of ONNX models', () => {
  it('is kept on this device, and names models by ids that a link may hold', () => {
    const storage = memory();
    const models = new OnnxModels(startWorker, storage);
    const ids = [models.add(qwen), models.add(smol), models.add(qwen)];
    expect(ids).toEqual([
      'onnx-community-qwen2.5-0.5b-instruct-q4-onnx',
      'huggingfacetb-smollm2-135m-v1-q8-onnx',
      'onnx-community-qwen2.5-0.5b-instruct-q4-onnx',
    ]);
    for (const id of ids) expect(parseHash(`#/ask?generator=${id}`).settings.generator).toBe(id);
    expect(new OnnxModels(startWorker, storage).list()).toEqual([smol, qwen]);
    expect(onnxOption(qwen)).toMatchObject({ name: qwen.repository, bytes: qwen.bytes, onnx: true });
    models.remove(onnxId(smol));
    models.remove(onnxId(qwen));
    expect(storage.value()).toBeNull();
  });

  it.each([
    ['nonsense', '{'],
    ['another form', '{"a": 1}'],
    ['a place elsewhere', JSON.stringify([{ ...qwen, repository: '../../etc' }])],
    ['an address', JSON.stringify([{ ...qwen, repository: 'https://evil.example/x' }])],
    ['an unknown type', JSON.stringify([{ ...qwen, dtype: 'q1' }])],
  ])('is empty where storage holds %s', (_what, stored) => {
    expect(new OnnxModels(startWorker, memory(stored)).list()).toEqual([]);
  });

  it('lasts as long as the page where storage is denied', () => {
    const denied = (): never => {
      throw new DOMException('denied', 'SecurityError');
    };
    const models = new OnnxModels(startWorker, { getItem: denied, setItem: denied, removeItem: denied });
    models.add(qwen);
    expect(models.list()).toEqual([qwen]);
  });

  it('is added to from what the hub says', async () => {
    const models = new OnnxModels(startWorker, null);
    expect(await models.look('a/b', 'main', signal)).toEqual({
      ...{ repository: 'a/b', revision: 'main', dtype: 'q4', bytes: 483_000_000 },
    });
    await expect(models.look('a/none', 'main', signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a model of the list', () => {
  it('is loaded with progress from the chosen hub, and then writes', async () => {
    const models = new OnnxModels(startWorker, null);
    models.useHub('https://mirror.example');
    const id = models.add(qwen);
    const events = await load(models, id);
    expect(events.map(({ phase }) => phase)).toEqual(['download', 'download', 'compile', 'ready']);
    expect(events.at(-1)).toMatchObject({ device: 'WASM', reason: 'This browser has no WebGPU.' });
    expect(loads).toMatchObject([{ id: qwen.repository, dtype: 'q4', hub: 'https://mirror.example' }]);
    const request = { prompt: 'x', maxTokens: 5, temperature: 0 };
    for await (const event of models.model(id, 'auto').generate(request)) expect(event).toEqual(done);
  });

  it('that is not on it is neither downloaded nor run', async () => {
    const models = new OnnxModels(startWorker, null);
    await expect(load(models, onnxId(qwen))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(loads).toEqual([]);
    expect(() => models.model(onnxId(qwen), 'auto')).toThrow('not loaded');
  });

  it('leaves memory when it plays no part any more, or is taken off', async () => {
    const models = new OnnxModels(startWorker, null);
    const [first, second] = [models.add(qwen), models.add(smol)];
    await load(models, first);
    await load(models, second, [first, second]);
    expect(open.map(({ lost }) => lost.aborted)).toEqual([false, false]);
    await load(models, second);
    expect(open.map(({ lost }) => lost.aborted)).toEqual([true, false]);
    models.remove(second);
    expect(open.map(({ lost }) => lost.aborted)).toEqual([true, true]);
  });
});
