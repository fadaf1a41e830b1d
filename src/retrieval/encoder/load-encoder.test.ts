import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHubServer, type HubServer } from '../../../tests/servers/hub-server';
import { nodeEncoderPlatform } from '../../platform/node/encoder-platform';
import type { EncoderPlatform } from '../../protocol/encoder';
import type { Progress } from '../../protocol/retrieval';
import { E5Encoder, type TokenModel } from './e5-encoder';
import { EncoderHost } from './encoder-host';
import { loadEncoder, measureEncoder } from './load-encoder';

const FIXTURE = 'tests/fixtures/tiny-bert-onnx';
interface Case {
  text: string;
  ids: number[];
  vector: number[];
}

let root: string;
let hub: HubServer;
let platform: EncoderPlatform;
let cases: Case[];

/** Waits nothing, but counts what it was asked to wait. */
const waited: number[] = [];
const request = { id: 'acme/tiny-bert', revision: 'v1', dtype: 'fp32' } as const;

beforeAll(async () => {
  cases = JSON.parse(await readFile(join(FIXTURE, 'expected.json'), 'utf8')) as Case[];
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await cp(FIXTURE, join(root, 'acme', 'tiny-bert'), { recursive: true });
  await cp(FIXTURE, join(root, 'demo-encoder'), { recursive: true });
});
afterAll(() => rm(root, { recursive: true, force: true }));

beforeEach(async () => {
  hub = await startHubServer(root, ['v1']);
  waited.length = 0;
  const cacheDir = await mkdtemp(join(root, 'cache-'));
  platform = {
    ...nodeEncoderPlatform({ localModels: root, cacheDir }),
    clock: {
      now: () => performance.now(),
      sleep: (ms) => Promise.resolve(void waited.push(ms)),
    },
  };
});
afterEach(() => hub.close());

const load = (options: Parameters<typeof loadEncoder>[2] = {}): Promise<E5Encoder> =>
  loadEncoder(request, platform, { remoteHost: hub.url, ...options });

/** The cases are whole texts; the encoder adds the prefixes, so they are taken off again. */
async function embedCases(encoder: E5Encoder): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (const { text } of cases) {
    const passage = /^passage: "(.*)"\n(.*)$/s.exec(text);
    const [vector] = passage
      ? await encoder.embedPassages([{ id: '', title: passage[1] ?? '', text: passage[2] ?? '' }])
      : await encoder.embedQueries([text.replace(/^query: /, '')]);
    if (vector) vectors.push(vector);
  }
  return vectors;
}

describe('an encoder from a hub', () => {
  it('computes what PyTorch computes, prefixes, truncation, mean and norm included', async () => {
    const encoder = await load();
    const vectors = await embedCases(encoder);
    expect(vectors).toHaveLength(cases.length);
    cases.forEach(({ vector }, i) =>
      vector.forEach((value, d) => expect(vectors[i]?.[d]).toBeCloseTo(value, 5)),
    );
    expect(encoder.info).toMatchObject({
      model: 'acme/tiny-bert',
      revision: 'v1',
      dimensions: 32,
      device: 'wasm',
      dtype: 'fp32',
    });
    expect(encoder.info.reason).toContain('Node');
  });

  it('gives each text the same vector alone and in a batch of many lengths', async () => {
    const encoder = await load();
    const texts = Array.from({ length: 60 }, (_, i) => 'river town bridge '.repeat(1 + ((i * 7) % 23)));
    const together = await encoder.embedQueries(texts);
    const alone = await encoder.embedQueries(texts.slice(11, 12));
    together[11]?.forEach((value, d) => expect(alone[0]?.[d]).toBeCloseTo(value, 5));
    expect(Math.hypot(...(together[5] ?? []))).toBeCloseTo(1, 5);
  });

  it('tells the size before and the progress during the download', async () => {
    const { totalBytes, files } = await measureEncoder(request, platform, { remoteHost: hub.url });
    expect(files.map(({ name }) => name)).toContain('onnx/model.onnx');
    expect(totalBytes).toBeGreaterThan(150_000);
    expect(hub.requests.every(({ method }) => method === 'HEAD')).toBe(true);

    const seen: Progress[] = [];
    await load({ onProgress: (progress) => seen.push(progress) });
    const model = seen.filter(({ label }) => label === 'model.onnx');
    expect(model.at(-1)?.done).toBe(model.at(-1)?.total);
    model.reduce((before, { done }) => (expect(done).toBeGreaterThanOrEqual(before), done), 0);
  });

  it('is downloaded once and then read from the cache', async () => {
    await load();
    const before = hub.requests.length;
    await load();
    expect(hub.requests.slice(before).filter(({ path }) => path.endsWith('.onnx'))).toEqual([]);
  });

  it('goes on where a cut transfer ended', async () => {
    hub.fail('model.onnx', { kind: 'truncate' });
    const encoder = await load();
    expect(encoder.dimensions).toBe(32);
    const ranges = hub.requests.filter(({ range }) => range !== undefined);
    expect(ranges).toHaveLength(1);
    expect(ranges[0]).toMatchObject({ status: 206 });
  });

  it('leaves no half file behind when the transfer is cut again and again', async () => {
    hub.fail('model.onnx', { kind: 'truncate' }, 50);
    await expect(load()).rejects.toMatchObject({ code: 'NETWORK', recoverable: true });
    await hub.close();
    hub = await startHubServer(root);
    expect((await load()).dimensions).toBe(32);
  });

  it('waits as long as a busy server asks, and gives up in the end', async () => {
    hub.fail('config.json', { kind: 'status', status: 429, retryAfter: '7' }, 2);
    await load();
    expect(waited.filter((ms) => ms === 7000)).toHaveLength(2);
    hub.fail('tokenizer.json', { kind: 'status', status: 429 }, 99);
    const other = { ...platform, cacheDir: await mkdtemp(join(root, 'cache-')) };
    await expect(loadEncoder(request, other, { remoteHost: hub.url })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
  });

  it('reports a broken server, a refused, a missing and an unknown revision apart', async () => {
    hub.fail('model.onnx', { kind: 'status', status: 500 }, 99);
    await expect(load()).rejects.toMatchObject({ code: 'NETWORK' });
    hub.fail('config.json', { kind: 'status', status: 401 }, 99);
    const fresh = { ...platform, cacheDir: await mkdtemp(join(root, 'cache-')) };
    await expect(loadEncoder(request, fresh, { remoteHost: hub.url })).rejects.toMatchObject({
      code: 'AUTH',
    });
    const missing = { ...request, revision: 'v2' };
    await expect(loadEncoder(missing, platform, { remoteHost: hub.url })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(loadEncoder({ id: '../etc' }, platform)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('gives up on a transfer that stalls', async () => {
    hub.fail('model.onnx', { kind: 'stall' }, 99);
    await expect(load({ stallMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('can be stopped while it downloads and while it embeds', async () => {
    const controller = new AbortController();
    hub.fail('model.onnx', { kind: 'stall' });
    const loading = load({
      signal: controller.signal,
      onProgress: ({ label }) => label === 'model.onnx' && controller.abort(),
    });
    await expect(loading).rejects.toMatchObject({ code: 'ABORTED' });

    const encoder = await load();
    const stop = new AbortController();
    const passages = Array.from({ length: 2000 }, (_, i) => ({
      id: `${i}`,
      title: 'Aar',
      text: 'a river '.repeat(80),
    }));
    let last = 0;
    // From outside, as a message of another thread arrives.
    const stopSoon = (done: number): void => {
      if (last === 0) setTimeout(() => stop.abort(), 0);
      last = done;
    };
    const embedding = encoder.embedPassages(passages, ({ done }) => stopSoon(done), stop.signal);
    await expect(embedding).rejects.toMatchObject({ code: 'ABORTED' });
    expect(last).toBeLessThan(1000);
    expect(await encoder.embedQueries(['still alive'])).toHaveLength(1);
  });
});

describe('the local encoder', () => {
  it('is read from the models folder without any request', async () => {
    const encoder = await loadEncoder(
      { id: 'demo' },
      { ...platform, fetch: () => Promise.reject(new Error('no')) },
    );
    expect(encoder.info).toMatchObject({ model: 'demo-encoder', revision: 'local', dimensions: 32 });
    await encoder.dispose();
  });

  it('refuses WebGPU where there is none', async () => {
    await expect(loadEncoder({ id: 'demo', device: 'webgpu' }, platform)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

describe('the encoder host', () => {
  it('loads each encoder once, also when asked twice at the same time', async () => {
    const host = new EncoderHost(platform, { remoteHost: hub.url });
    const [info, [vector]] = await Promise.all([host.load(request), host.embedQueries(request, ['river'])]);
    expect(info.dimensions).toBe(vector?.length);
    expect(hub.requests.filter(({ path }) => path.endsWith('model.onnx'))).toHaveLength(1);
  });
});

describe('an encoder on a device that computes nonsense', () => {
  const model = (value: (i: number) => number): TokenModel => ({
    padId: 0,
    tokenize: (text) => [...text].map((c) => c.charCodeAt(0)),
    run: (ids, _mask, rows, length) =>
      Promise.resolve(
        Float32Array.from({ length: rows * length * 4 }, (_, i) =>
          value(Number(ids[i >> 2] ?? 0n) * 5 + (i % 4)),
        ),
      ),
    dispose: () => Promise.resolve(),
  });
  const info = { model: 'x', revision: 'y', dimensions: 4, dtype: 'fp32', device: 'webgpu' } as const;
  const encoder = (value: (i: number) => number): E5Encoder =>
    new E5Encoder(model(value), info, { now: () => 0, sleep: () => Promise.resolve() });

  it('is refused for NaN, for zeros and for the same vector everywhere', async () => {
    await expect(encoder(() => NaN).warmUp()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(encoder(() => 0).warmUp()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(encoder(() => 1).warmUp()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(encoder((i) => Math.sin(i)).warmUp()).resolves.toBeUndefined();
  });
});
