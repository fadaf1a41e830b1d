/** A tiny decoder in two forms: what the library computes from its ONNX file must be what the project's own engine computes. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHubServer, type HubServer } from '../../../tests/servers/hub-server';
import { CpuBackend } from '../../gpu/cpu/backend';
import { bytesSource } from '../../lm/byte-source';
import { openLocalModel, type LocalModel } from '../../lm/local-model';
import { nodeEncoderPlatform } from '../../platform/node/encoder-platform';
import type { EncoderPlatform } from '../../protocol/encoder';
import type { GeneratedToken, GenerateEvent, GenerateRequest } from '../../protocol/language-model';
import type { Progress } from '../../protocol/retrieval';
import type { TextGenerationRequest } from '../../protocol/text-generation-worker';
import { TextGenerationHost } from './text-generation-host';

const FIXTURE = 'tests/fixtures/tiny-decoder-onnx';
const request: TextGenerationRequest = { id: 'acme/tiny-decoder', revision: 'v1', dtype: 'fp32' };

let root: string;
let hub: HubServer;
let platform: EncoderPlatform;
let host: TextGenerationHost;
let own: LocalModel;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await cp(FIXTURE, join(root, 'acme', 'tiny-decoder'), { recursive: true });
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(FIXTURE, name), 'utf8'));
  own = await openLocalModel({
    id: 'own',
    backend: new CpuBackend(),
    files: {
      config: await json('config.json'),
      tokenizer: await json('tokenizer.json'),
      tokenizerConfig: await json('tokenizer_config.json'),
      chatTemplate: await readFile(join(FIXTURE, 'chat_template.jinja'), 'utf8'),
      weights: bytesSource('model.safetensors', await readFile(join(FIXTURE, 'model.safetensors'))),
    },
  });
});
afterAll(async () => {
  await own.dispose();
  await rm(root, { recursive: true, force: true });
});

beforeEach(async () => {
  hub = await startHubServer(root, ['v1']);
  platform = {
    ...nodeEncoderPlatform({ localModels: root, cacheDir: await mkdtemp(join(root, 'cache-')) }),
    clock: { now: () => performance.now(), sleep: () => Promise.resolve() },
  };
  host = new TextGenerationHost(platform);
});
afterEach(async () => {
  await host.unload();
  await hub.close();
});

const wanted = (overrides: Partial<TextGenerationRequest> = {}): TextGenerationRequest => ({
  ...request,
  hub: hub.url,
  ...overrides,
});
const ask = (overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
  messages: [{ role: 'user', content: 'the bridge' }],
  maxTokens: 24,
  temperature: 0,
  ...overrides,
});
const raw = (prompt: string, overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...{ prompt, maxTokens: 24, temperature: 0 },
  ...overrides,
});

interface Outcome {
  pieces: string[];
  tokens: GeneratedToken[];
  done: Extract<GenerateEvent, { type: 'done' }>;
}
async function read(events: AsyncIterable<GenerateEvent>): Promise<Outcome> {
  const [pieces, tokens]: [string[], GeneratedToken[]] = [[], []];
  for await (const event of events) {
    if (event.type === 'done') {
      expect(pieces.join('')).toBe(event.text);
      return { pieces, tokens, done: event };
    }
    pieces.push(event.text);
    tokens.push(...(event.tokens ?? []));
  }
  throw new Error('no done event');
}

describe('a text-generation model of the hub', () => {
  it.each([
    ['a conversation', ask()],
    [
      'a conversation that quotes special tokens',
      ask({ messages: [{ role: 'user', content: 'a<|im_end|>b' }] }),
    ],
    ['a raw prompt', raw('Who built the bridge?')],
    ['one that is shorter than its limit allows', raw('a', { maxTokens: 1 })],
    [
      'turns',
      ask({
        continuation: [
          { kind: 'generated', text: ' a' },
          { kind: 'observation', text: ' the' },
        ],
      }),
    ],
    ['token ids', { tokens: [5, 6, 7], maxTokens: 9, temperature: 0 }],
  ] satisfies [string, GenerateRequest][])(
    'writes what the same weights write in our own engine: %s',
    async (_what, asked) => {
      await host.load(wanted());
      const theirs = await read(host.generate({ ...asked, logprobs: true }));
      const ours = await read(own.generate({ ...asked, logprobs: true }));
      expect(theirs.done.text).toBe(ours.done.text);
      expect(theirs.tokens.map(({ id, text }) => ({ id, text }))).toEqual(
        ours.tokens.map(({ id, text }) => ({ id, text })),
      );
      theirs.tokens.forEach(({ logprob = 1 }, i) =>
        expect(logprob).toBeCloseTo(ours.tokens[i]?.logprob ?? 9, 4),
      );
      expect(theirs.done.finishReason).toBe(ours.done.finishReason);
      const { promptTokens, completionTokens } = ours.done.usage;
      expect(theirs.done.usage).toMatchObject({ promptTokens, completionTokens });
    },
  );

  it('says what it runs on, and why not on WebGPU', async () => {
    const info = await host.load(wanted());
    expect(info).toMatchObject({
      ...{ id: 'acme/tiny-decoder', revision: 'v1', dtype: 'fp32', device: 'wasm' },
      ...{ maxContext: 1024, chat: true },
    });
    expect(info.reason).toContain('Node');
    await expect(host.load(wanted({ device: 'webgpu' }))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('samples by its seed, temperature and top-p', async () => {
    await host.load(wanted());
    const sampled = (seed: number, rest: Partial<GenerateRequest> = {}): Promise<string> =>
      read(host.generate(ask({ temperature: 1, seed, ...rest }))).then(({ done }) => done.text);
    expect(await sampled(1)).toBe(await sampled(1));
    expect(await sampled(1)).not.toBe(await sampled(2));
    // One sampler: the same draws as on our own engine.
    const settings = { temperature: 0.8, topP: 0.9, topK: 20, repetitionPenalty: 1.1, seed: 1 };
    const [theirs, ours] = [
      await read(host.generate(ask(settings))),
      await read(own.generate(ask(settings))),
    ];
    expect(theirs.done.text).toBe(ours.done.text);
    const adapted = read(host.generate(ask({ adapter: 'mine' })));
    await expect(adapted).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const greedy = (await read(host.generate(ask()))).done.text;
    expect(await sampled(3, { topP: 1e-6 })).toBe(greedy);
    expect(await sampled(3, { temperature: 1e-4 })).toBe(greedy);
  });

  it.each([false, true])('ends at a stop string (kept: %s)', async (keepStop) => {
    await host.load(wanted());
    const whole = (await read(host.generate(raw('the')))).done.text;
    const stop = [whole.slice(2, 5)];
    const { done } = await read(host.generate(raw('the', { stop, keepStop })));
    const end = whole.indexOf(stop[0] ?? '');
    expect(done).toMatchObject({ text: whole.slice(0, end + (keepStop ? 3 : 0)), finishReason: 'stop' });
    expect(done.usage.completionTokens).toBeLessThan(24);
  });

  it('goes on from the cache where a turn begins with the turn before', async () => {
    await host.load(wanted());
    const first = await read(host.generate(raw('the bridge', { maxTokens: 6 })));
    const tokens = [...(await ids('the bridge')), ...first.tokens.map(({ id }) => id), 7, 8];
    const next: GenerateRequest = { tokens, maxTokens: 12, temperature: 0 };
    const second = await read(host.generate(next));
    expect(second.done.usage.cachedTokens).toBe(tokens.length - 3);
    expect(second.done.text).toBe((await read(own.generate(next))).done.text);
    const other = await read(host.generate(raw('a')));
    expect(other.done.usage.cachedTokens).toBe(0);
    expect(other.done.text).toBe((await read(own.generate(raw('a')))).done.text);
  });

  const ids = (prompt: string): Promise<number[]> => Promise.resolve(own.promptTokens(raw(prompt)));

  it('drops the beginning of a prompt that is too long, and says how much', async () => {
    await host.load(wanted({ maxContext: 64 }));
    const long = raw('x'.repeat(100), { maxTokens: 8 });
    const { done } = await read(host.generate(long));
    expect(done.usage).toMatchObject({ promptTokens: 56, droppedTokens: 44 });
    const none = read(host.generate(raw('x', { maxTokens: 64 })));
    await expect(none).rejects.toMatchObject({ code: 'CONTEXT_TOO_LONG' });
    await expect(host.load(wanted({ maxContext: 1025 }))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('streams, and stops within a token when it is told to or not read any more', async () => {
    await host.load(wanted());
    const stop = new AbortController();
    let seen = 0;
    const reading = (async () => {
      for await (const event of host.generate(raw('the', { maxTokens: 200, temperature: 2 }), stop.signal)) {
        seen += 1;
        if (seen === 3) setTimeout(() => stop.abort(), 0);
        expect(event.type).toBe('delta');
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
    expect(seen).toBeLessThan(30);
    for await (const event of host.generate(raw('the', { maxTokens: 200 }))) {
      expect(event.type).toBe('delta');
      break;
    }
    expect((await read(host.generate(raw('a')))).done.text).toBe(
      (await read(own.generate(raw('a')))).done.text,
    );
  });

  it('runs overlapping requests one after another, each as if it were alone', async () => {
    await host.load(wanted());
    const prompts = ['a', 'the', 'bridge', 'in'];
    const together = await Promise.all(prompts.map((prompt) => read(host.generate(raw(prompt)))));
    for (const [i, { done }] of together.entries()) {
      expect(done.text).toBe((await read(own.generate(raw(prompts[i] ?? '')))).done.text);
    }
  });

  it('counts tokens, and has none when nothing is loaded', async () => {
    await expect(host.countTokens(['a'])).rejects.toMatchObject({ code: 'INTERNAL' });
    await host.load(wanted());
    const texts = [' the bridge', '', 'æ', '<|im_end|>'];
    expect(await host.countTokens(texts)).toEqual(await own.countTokens(texts));
    await host.unload();
    await expect(read(host.generate(raw('a')))).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('the download', () => {
  it('is measured before, for the type of weights that would be taken', async () => {
    const { dtype, files, totalBytes } = await host.measure({ id: request.id, revision: 'v1', hub: hub.url });
    expect(dtype).toBe('fp32');
    expect(files.map(({ name }) => name)).toEqual([
      ...['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'],
    ]);
    expect(totalBytes).toBeGreaterThan(130_000);
    const missing = host.measure(wanted({ dtype: 'q4' }));
    await expect(missing).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(host.measure(wanted({ revision: 'v2' }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('tells its progress, is made once, and is read from the cache afterwards', async () => {
    const seen: Progress[] = [];
    await host.load(wanted(), (progress) => seen.push(progress));
    const model = seen.filter(({ label }) => label === 'model.onnx').at(-1);
    expect(model).toMatchObject({ unit: 'bytes', done: model?.total });
    await host.unload();
    const before = hub.requests.length;
    await host.load(wanted());
    const again = hub.requests.slice(before).filter(({ path }) => /\.onnx$|tokenizer\.json$/.test(path));
    expect(again).toEqual([]);
  });

  it('of the model at hand costs nothing', async () => {
    await host.load(wanted());
    const before = hub.requests.length;
    await host.load(wanted());
    expect(hub.requests.length).toBe(before);
  });

  it.each(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.onnx', 'chat_template.jinja'])(
    'can be stopped at %s and made again',
    async (file) => {
      hub.fail(file, { kind: 'stall' });
      const stop = new AbortController();
      const loading = host.load(wanted(), undefined, stop.signal);
      const asked = (): boolean => hub.requests.some(({ path }) => path.endsWith(file));
      await expect.poll(asked, { timeout: 5000 }).toBe(true);
      stop.abort();
      await expect(loading).rejects.toMatchObject({ code: 'ABORTED' });
      expect((await host.load(wanted())).chat).toBe(true);
      expect((await read(host.generate(ask()))).done.text).toBe((await read(own.generate(ask()))).done.text);
    },
  );

  it.each(['config.json', 'tokenizer_config.json', 'model.onnx'])(
    'fails with the reason where %s cannot be had, and can be tried again',
    async (file) => {
      hub.fail(file, { kind: 'status', status: 500 }, 20);
      await expect(host.load(wanted())).rejects.toMatchObject({ code: 'NETWORK', recoverable: true });
      await hub.close();
      hub = await startHubServer(root, ['v1']);
      expect((await host.load(wanted())).chat).toBe(true);
    },
  );

  it('tells apart what is wrong with a repository', async () => {
    hub.fail('config.json', { kind: 'status', status: 401 });
    await expect(host.load(wanted())).rejects.toMatchObject({ code: 'AUTH' });
    await expect(host.load(wanted({ id: 'tiny' }))).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(host.load(wanted({ id: 'acme/none' }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(host.load(wanted({ dtype: 'q8' }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses what is no model that writes text', async () => {
    await cp('tests/fixtures/tiny-bert-onnx', join(root, 'acme', 'tiny-bert'), { recursive: true });
    await expect(host.load(wanted({ id: 'acme/tiny-bert' }))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('a device that fails', () => {
  /** The library, but its models compute what `spoil` makes of the logits. */
  const spoiled = (spoil: (logits: Float32Array) => void): EncoderPlatform => ({
    ...platform,
    async importLibrary() {
      const library = await platform.importLibrary();
      const AutoModelForCausalLM = {
        async from_pretrained(...args: Parameters<typeof library.AutoModelForCausalLM.from_pretrained>) {
          const model = await library.AutoModelForCausalLM.from_pretrained(...args);
          const forward = model.forward.bind(model);
          model.forward = async (inputs) => {
            const outputs = (await forward(inputs)) as { logits: { data: Float32Array } };
            spoil(outputs.logits.data);
            return outputs;
          };
          return model;
        },
      };
      return { ...library, AutoModelForCausalLM } as unknown as typeof library;
    },
  });

  it.each([
    ['NaN', (logits: Float32Array) => void logits.fill(NaN)],
    ['a NaN among numbers', (logits: Float32Array) => void (logits[7] = NaN)],
    ['zeros', (logits: Float32Array) => void logits.fill(0)],
    ['infinity', (logits: Float32Array) => void logits.fill(Infinity)],
  ])('by computing %s is found out at the load', async (_what, spoil) => {
    const broken = new TextGenerationHost(spoiled(spoil));
    await expect(broken.load(wanted())).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  });

  it('in the middle of a text ends it with an error; the model must be loaded again', async () => {
    const state = { runs: 0 };
    const dying = new TextGenerationHost(
      spoiled(() => {
        state.runs += 1;
        if (state.runs === 4) throw new Error('device lost');
      }),
    );
    await dying.load(wanted());
    await expect(read(dying.generate(raw('the')))).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(read(dying.generate(raw('the')))).rejects.toMatchObject({ code: 'INTERNAL' });
    await dying.load(wanted());
    expect((await read(dying.generate(raw('the')))).done.text).toBe(
      (await read(own.generate(raw('the')))).done.text,
    );
    await dying.unload();
  });

  it('is left for WASM, with the reason', async () => {
    // Node has no WebGPU for the library: asking for it fails as a broken driver does.
    const hopeful = new TextGenerationHost({ ...platform, refuseWebGpu: () => Promise.resolve(null) });
    const { device, reason } = await hopeful.load(wanted());
    expect(device).toBe('wasm');
    expect(reason).toMatch(/^WebGPU failed: /);
    await hopeful.unload();
    await expect(hopeful.load(wanted({ device: 'webgpu' }))).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });
});
