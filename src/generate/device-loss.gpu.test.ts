import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fragileGpu, type FragileGpu } from '../../tests/servers/fragile-gpu';
import { startModelsServer, type ModelsServer } from '../../tests/servers/models-server';
import { openNodeGpu } from '../platform/node/webgpu';
import type { Clock } from '../protocol/clock';
import type { GenerateEvent, GenerateRequest } from '../protocol/language-model';
import type { ComputeDevice, LmWorkerEvent, LoadLocalModelRequest } from '../protocol/lm-worker';
import { LocalModelService } from './local-service';
import { pickBackend, type PickedBackend } from './pick-backend';

let server: ModelsServer;
let fragile: FragileGpu;
let service: LocalModelService;
let waits: number[];
let events: LmWorkerEvent[];

/**
 * As `pickBackend`, but "automatic" takes the adapter although it is software: what it would do with a card. The kernels stay
 * those for software, which a software adapter compiles in a bearable time.
 */
async function pick(wanted: ComputeDevice | 'auto'): Promise<PickedBackend> {
  if (wanted !== 'auto') return pickBackend(fragile.gpu, wanted);
  return pickBackend(fragile.gpu, 'webgpu').catch(() => pickBackend(undefined, 'auto'));
}

/** Time that passes at once. */
const clock: Clock = {
  now: () => 0,
  sleep: (ms) => {
    waits.push(ms);
    return Promise.resolve();
  },
};

beforeEach(async () => {
  server = await startModelsServer();
  fragile = fragileGpu(await openNodeGpu());
  waits = [];
  events = [];
  service = new LocalModelService({
    fetch: globalThis.fetch,
    sha256: (bytes) => crypto.subtle.digest('SHA-256', bytes),
    pick,
    clock,
    store: () => {
      throw new Error('no store here');
    },
  });
  await service.watch((event) => events.push(event));
});
afterEach(async () => {
  await service.unload();
  await server.close();
});

const load: () => LoadLocalModelRequest = () => ({
  modelsUrl: server.modelsUrl,
  model: { kind: 'embedded', id: 'toy' },
  device: 'webgpu',
});
const request: GenerateRequest = {
  messages: [{ role: 'user', content: 'the bridge' }],
  maxTokens: 12,
  temperature: 0,
};

/** The text as the deltas bring it, and as the end says it. */
async function read(
  from: AsyncIterable<GenerateEvent>,
): Promise<{ streamed: string; tokens: number; text: string }> {
  let streamed = '';
  let tokens = 0;
  let text = '';
  for await (const event of from) {
    if (event.type === 'done') text = event.text;
    else {
      streamed += event.text;
      tokens += event.tokens?.length ?? 0;
    }
  }
  return { streamed, tokens, text };
}

const kinds = (): string[] => events.map(({ type }) => type);

describe('a lost device', () => {
  it.each([1, 3])('at submission %i is opened again, and the text is the same, told once', async (at) => {
    await service.load(load());
    fragile.loseAt(0, fragile.submissions(0) + at);
    const interrupted = await read(service.generate(request));
    expect(kinds()).toEqual(['device lost', 'rebuilding', 'rebuilt']);
    expect(waits).toEqual([1000]);
    expect(interrupted.tokens).toBe(12);
    expect(interrupted.streamed).toBe(interrupted.text);
    expect(await read(service.generate(request))).toEqual(interrupted);
  });

  it('is rebuilt once for all generations that were under way', async () => {
    await service.load(load());
    fragile.loseAt(0, fragile.submissions(0) + 2);
    const texts = await Promise.all([read(service.generate(request)), read(service.generate(request))]);
    expect(texts[0]).toEqual(texts[1]);
    expect(texts[0].streamed).toBe(texts[0].text);
    expect(kinds()).toEqual(['device lost', 'rebuilding', 'rebuilt']);
    expect(fragile.devices).toHaveLength(2);
  });

  it('is waited for while there is no adapter, longer each time, and the wait can be stopped', async () => {
    await service.load(load());
    fragile.devices[0]?.destroy();
    fragile.hideAdapter(2);
    const abort = new AbortController();
    const stopped = read(service.generate(request, abort.signal));
    abort.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await read(service.generate(request))).tokens).toBe(12);
    expect(waits).toEqual([1000, 2000, 4000]);
    expect(kinds()).toEqual(['device lost', 'rebuilding', 'rebuilding', 'rebuilding', 'rebuilt']);
  });

  it('is given up after the last try, with an error and not a hang, and can be loaded anew later', async () => {
    await service.load(load());
    fragile.devices[0]?.destroy();
    fragile.hideAdapter(3);
    await expect(read(service.generate(request))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      message: expect.stringContaining('could not be loaded again') as string,
    });
    expect(events.at(-1)).toMatchObject({ type: 'gave up' });
    await expect(read(service.generate(request))).rejects.toMatchObject({ code: 'INTERNAL' });
    await service.load(load());
    expect((await read(service.generate(request))).tokens).toBe(12);
  });

  it('that is lost again and again ends the generation', async () => {
    await service.load(load());
    // Every device goes at the first submission after those of loading.
    const loading = fragile.submissions(0);
    for (let index = 0; index < 8; index += 1) fragile.loseAt(index, loading + 1);
    await expect(read(service.generate(request))).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    expect(fragile.devices.length).toBeLessThanOrEqual(5);
  });

  it('falls back to the CPU where that was not excluded, and says why', async () => {
    await service.load({ ...load(), device: 'auto' });
    fragile.devices[0]?.destroy();
    fragile.hideAdapter(1);
    expect((await read(service.generate(request))).tokens).toBe(12);
    expect(events.at(-1)).toMatchObject({ type: 'rebuilt', info: { device: 'cpu' } });
  });

  it('while a model is loaded is opened again, too', async () => {
    // The toy's weights are written, never submitted: this device dies as soon as it is asked for.
    fragile.destroyNew(1);
    const info = await service.load(load());
    expect(info.device).toBe('webgpu');
    expect(kinds()).toEqual(['device lost', 'rebuilding', 'rebuilt']);
    expect((await read(service.generate(request))).tokens).toBe(12);
  });
});
