import { afterAll, describe, expect, inject, it } from 'vitest';
import { startTextGenerationWorker } from '../../src/platform/browser/start-worker';
import { connect } from '../../src/platform/rpc/connection';
import { remoteTextGeneration } from '../../src/platform/rpc/remote-text-generation';
import type { GenerateRequest } from '../../src/protocol/language-model';
import type { Progress } from '../../src/protocol/retrieval';
import type {
  TextGenerationRequest,
  TextGenerationWorkerApi,
} from '../../src/protocol/text-generation-worker';

const connection = connect<TextGenerationWorkerApi>(startTextGenerationWorker());
const models = remoteTextGeneration(connection.remote, connection.lost);
afterAll(() => connection.close());

const decoder = (overrides: Partial<TextGenerationRequest> = {}): TextGenerationRequest => ({
  ...{ id: 'acme/tiny-decoder', hub: inject('hub'), dtype: 'fp32' },
  ...overrides,
});
const ask: GenerateRequest = {
  messages: [{ role: 'user', content: 'the bridge' }],
  maxTokens: 24,
  temperature: 0,
  logprobs: true,
};

interface Written {
  text: string;
  pieces: number;
  logprobs: number[];
}
async function write(request: GenerateRequest): Promise<Written> {
  const written: Written = { text: '', pieces: 0, logprobs: [] };
  for await (const event of models.generate(request)) {
    if (event.type === 'done') return { ...written, text: event.text };
    written.pieces += 1;
    for (const { logprob = NaN } of event.tokens ?? []) written.logprobs.push(logprob);
  }
  throw new Error('no done event');
}

describe('the worker of text generation', () => {
  it('downloads a model of a hub and writes the same on WASM and on WebGPU', async () => {
    const seen: Progress[] = [];
    const onWasm = await models.load(decoder({ device: 'wasm' }), (progress) => seen.push(progress));
    expect(onWasm).toMatchObject({ device: 'wasm', dtype: 'fp32', chat: true, maxContext: 1024 });
    expect(onWasm.reason).toBeUndefined();
    expect(seen.some(({ label, done, total }) => label === 'model.onnx' && done === total)).toBe(true);
    const wasm = await write(ask);
    expect(wasm.text.length).toBeGreaterThan(0);
    expect(wasm.pieces).toBeGreaterThan(5);

    const onGpu = await models.load(decoder({ device: 'webgpu' }));
    expect(onGpu.device).toBe('webgpu');
    const gpu = await write(ask);
    expect(gpu.text).toBe(wasm.text);
    gpu.logprobs.forEach((logprob, i) => expect(logprob).toBeCloseTo(wasm.logprobs[i] ?? 9, 3));
    // The turn after goes on from the cache on the device.
    const continuation = [{ kind: 'observation' as const, text: ' the bridge' }];
    expect((await write({ ...ask, continuation })).text.length).toBeGreaterThan(0);
  });

  it('takes WASM where the only adapter is software, and says why', async () => {
    const { device, reason } = await models.load(decoder());
    expect(device).toBe('wasm');
    expect(reason).toContain('software');
  });

  it('finds the type of weights by itself, and their size', async () => {
    const { id, hub } = decoder();
    const { dtype, totalBytes } = await models.measure({ id, ...(hub !== undefined && { hub }) });
    expect(dtype).toBe('fp32');
    expect(totalBytes).toBeGreaterThan(130_000);
  });

  it('stops when it is told to, and works on', async () => {
    await models.load(decoder());
    const stop = new AbortController();
    const endless = models.generate({ ...ask, maxTokens: 200, temperature: 2 }, stop.signal);
    const writing = async (): Promise<void> => {
      for await (const event of endless) {
        expect(event.type).toBe('delta');
        stop.abort();
      }
    };
    await expect(writing()).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await write(ask)).text.length).toBeGreaterThan(0);
  });

  it('gives errors with what to do across the worker', async () => {
    await expect(models.load(decoder({ id: 'acme/none' }))).rejects.toMatchObject({
      name: 'AppError',
      code: 'NOT_FOUND',
    });
    await expect(models.load(decoder({ id: 'acme/tiny-bert' }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
