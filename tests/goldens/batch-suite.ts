/** Sequences that decode together must be what each is alone, whatever joins, leaves or shares its beginning. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import type { ModelConfig } from '../../src/lm/config';
import { loadModel, type GenerateTokensOptions, type GenerateTokensResult } from '../../src/lm/engine';
import type { LoadedModel, LoadModelOptions } from '../../src/lm/engine';
import type { LoraAdapter } from '../../src/lm/lora/adapter';
import { readPeftAdapter } from '../../src/lm/lora/read-peft';
import { Random } from '../../src/lm/random';
import { maxDifference } from './engine-suite';
import { goldensFolder, readJson } from './read-tensors';

const TOLERANCE = 1e-4;
const SLOTS = 16;
const CONTEXT = 96;

export async function loadTiny(
  backend: Backend,
  options: Partial<LoadModelOptions> = {},
): Promise<LoadedModel> {
  const weights = await readFile(join(goldensFolder, 'qwen2-tiny/model.safetensors'));
  const source = bytesSource('model.safetensors', weights);
  const config = await readJson('qwen2-tiny', 'config.json');
  return loadModel({ backend, config, source, maxContext: CONTEXT, ...options });
}

export interface BatchSizes {
  batches: readonly number[];
  /** Bounds of what each sequence is given and asked for: software adapters compute a few hundred tokens a second. */
  mostPromptTokens: number;
  mostNewTokens: number;
}

async function goldenAdapter(model: ModelConfig): Promise<LoraAdapter> {
  const bytes = await readFile(join(goldensFolder, 'lora/adapter_model.safetensors'));
  return readPeftAdapter({
    config: await readJson('lora', 'adapter_config.json'),
    source: bytesSource('adapter_model.safetensors', bytes),
    model,
  });
}

/** The same at every call. */
function requests(count: number, seed: number, sizes: BatchSizes): GenerateTokensOptions[] {
  const random = new Random(seed);
  const upTo = (most: number): number => 1 + Math.floor(random.uniform() * most);
  return Array.from({ length: count }, () => ({
    tokens: Array.from({ length: upTo(sizes.mostPromptTokens) }, () => upTo(500)),
    maxNewTokens: 2 + upTo(sizes.mostNewTokens - 2),
    sampling: { temperature: 0 },
  }));
}

function expectSame(got: GenerateTokensResult[], want: GenerateTokensResult[]): void {
  expect(got.map(({ tokens }) => tokens)).toEqual(want.map(({ tokens }) => tokens));
  got.forEach(({ logprobs }, i) => {
    expect(maxDifference(logprobs, want[i]?.logprobs ?? [])).toBeLessThan(TOLERANCE);
  });
}

export function describeBatches(makeBackend: () => Promise<Backend>, sizes: BatchSizes): void {
  const all = requests(SLOTS, 5, sizes);
  let backend: Backend;
  let model: LoadedModel;
  /** What each of `all` is alone. */
  let alone: GenerateTokensResult[];
  beforeAll(async () => {
    backend = await makeBackend();
    model = await loadTiny(backend, { slots: SLOTS });
    alone = await apart(all);
  });
  afterAll(() => backend.dispose());

  const together = (wanted: readonly GenerateTokensOptions[]): Promise<GenerateTokensResult[]> =>
    Promise.all(wanted.map((request) => model.generateTokens(request)));
  const apart = async (wanted: readonly GenerateTokensOptions[]): Promise<GenerateTokensResult[]> => {
    const results = [];
    for (const request of wanted) {
      model.resetCache();
      results.push(await model.generateTokens(request));
    }
    model.resetCache();
    return results;
  };

  it.each(sizes.batches)('%i sequences together are what each is alone', async (size) => {
    expectSame(await together(all.slice(0, size)), alone.slice(0, size));
  });

  it('more sequences than slots wait for their turn', async () => {
    const small = await loadTiny(backend, { slots: 2 });
    const results = await Promise.all(all.slice(0, 4).map((request) => small.generateTokens(request)));
    expectSame(results, alone.slice(0, 4));
    small.dispose();
  });

  it('a sequence that is aborted leaves the others as they are', async () => {
    const controller = new AbortController();
    let seen = 0;
    const aborted = model.generateTokens({
      ...{ tokens: [5, 6, 7], maxNewTokens: 50, sampling: { temperature: 0 }, signal: controller.signal },
      onToken: () => {
        seen += 1;
        if (seen === 4) controller.abort();
        return undefined;
      },
    });
    const rest = together(all.slice(0, 3));
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect(seen).toBe(4);
    expectSame(await rest, alone.slice(0, 3));
  });

  it('sequences with the same beginning compute it once', async () => {
    const prompt = Array.from({ length: 30 }, (_, i) => (i * 37) % 500);
    const wanted = [prompt, [...prompt, 4, 5], [...prompt.slice(0, 20), 9, 9, 9], prompt].map((tokens) => ({
      ...{ tokens, maxNewTokens: 4, sampling: { temperature: 0 } },
    }));
    const want = await apart(wanted);
    const got = await together(wanted);
    expectSame(got, want);
    expect(got.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 30, 20, 29]);
  });

  /** Who wrote when: a sequence of twenty tokens, and one that comes with a long prompt while the first is under way. */
  async function orderWith(patienceMs: number): Promise<string[]> {
    const small = await loadTiny(backend, { slots: 2, stepsPerSubmit: 1, patienceMs });
    const order: string[] = [];
    const note = (who: string) => (): undefined => {
      order.push(who);
      return undefined;
    };
    const sampling = { temperature: 0 };
    const first = small.generateTokens({
      ...{ tokens: [1, 2], maxNewTokens: 20, sampling },
      onToken: note('first'),
    });
    const second = small.generateTokens({
      ...{ tokens: Array.from({ length: 80 }, (_, i) => i), maxNewTokens: 2, sampling },
      onToken: note('second'),
    });
    await Promise.all([first, second]);
    small.dispose();
    return order;
  }

  it('a newcomer’s long prompt does not hold up those whose patience is over', async () => {
    const order = await orderWith(0);
    // The second prompt takes at least two submits on every backend of the tests.
    expect(order.indexOf('second')).toBeGreaterThanOrEqual(2);
    expect(order.indexOf('second')).toBeLessThan(10);
  });

  it('a newcomer’s prompt is computed first while the others are patient, so that all decode together', async () => {
    const order = await orderWith(Infinity);
    expect(order.slice(0, 4)).toEqual(['first', 'second', 'first', 'second']);
    expect(order).toHaveLength(22);
  });

  it('scoring, prefill and generation do not disturb one another', async () => {
    const texts = requests(3, 12, sizes).map(({ tokens }) => [...tokens, 1, 2, 3]);
    const scores: Float32Array[] = [];
    for (const tokens of texts) scores.push(await model.scoreTokens(tokens));
    const { logits } = await model.prefill(texts[0] ?? []);
    model.resetCache();
    const [got, scored, prefilled] = await Promise.all([
      together(all.slice(0, 3)),
      model.scoreSequences(texts),
      model.prefill(texts[0] ?? []),
    ]);
    expectSame(got, alone.slice(0, 3));
    scored.forEach((values, i) => {
      expect(maxDifference(values, scores[i] ?? [])).toBeLessThan(TOLERANCE);
    });
    expect(maxDifference(prefilled.logits, logits)).toBeLessThan(TOLERANCE);
  });

  describe('sampling with a seed', () => {
    /** One of each kind; equal seeds must not make equal tokens at different positions. */
    const sampled = (request: GenerateTokensOptions, i: number): GenerateTokensOptions => ({
      ...request,
      sampling: [
        { temperature: 1.2, seed: i },
        { temperature: 0.8, topK: 30, topP: 0.9, seed: 7 },
        { temperature: 1, minP: 0.01, repetitionPenalty: 1.3, seed: 2 ** 40 + i },
        { temperature: 0, repetitionPenalty: 1.5 },
      ][i % 4] ?? { temperature: 0 },
    });
    const wanted = all.slice(0, 4).map((request, i) => sampled({ ...request, maxNewTokens: 6 }, i));

    it('is the same again, whatever else is in the batch and however many steps a submit has', async () => {
      const want = await apart(wanted);
      expectSame(await together([...wanted, ...all.slice(4, 6)]), [...want, ...alone.slice(4, 6)]);
      for (const stepsPerSubmit of [4, 16]) {
        const other = await loadTiny(backend, { slots: 4, stepsPerSubmit });
        const got = await Promise.all(wanted.map((request) => other.generateTokens(request)));
        expectSame(got, want);
        other.dispose();
      }
    });

    it('draws other tokens with another seed', async () => {
      const request = { tokens: [1, 2, 3], maxNewTokens: 8 };
      const draw = async (seed: number): Promise<number[]> =>
        (await model.generateTokens({ ...request, sampling: { temperature: 3, seed } })).tokens;
      const [first, again, other] = [await draw(1), await draw(1), await draw(2)];
      expect(again).toEqual(first);
      expect(other).not.toEqual(first);
    });
  });

  describe('several steps in a submit', () => {
    it.each([4, 16])('%i give what one gives: tokens, order, ends and cache', async (stepsPerSubmit) => {
      const other = await loadTiny(backend, { slots: 3, stepsPerSubmit });
      const [greedy] = await apart([{ tokens: [5, 9, 200], maxNewTokens: 9, sampling: { temperature: 0 } }]);
      const tokens = greedy?.tokens ?? [];
      const stop = tokens[5] ?? 0;
      const end = tokens.indexOf(stop) + 1;
      const heard: number[] = [];
      const ask = (more: Partial<GenerateTokensOptions> = {}): Promise<GenerateTokensResult> =>
        other.generateTokens({ tokens: [5, 9, 200], maxNewTokens: 9, sampling: { temperature: 0 }, ...more });
      const [whole, stopped, called] = await Promise.all([
        ask(),
        ask({ stopTokenIds: [stop] }),
        ask({ onToken: ({ id }) => (heard.push(id) === 3 ? 'stop' : undefined) }),
      ]);
      expect(whole).toMatchObject({ tokens, finishReason: 'length' });
      expect(stopped).toMatchObject({ tokens: tokens.slice(0, end), finishReason: 'stop' });
      expect(called).toMatchObject({ tokens: tokens.slice(0, 3), finishReason: 'callback' });
      expect(heard).toEqual(tokens.slice(0, 3));
      // What was computed beyond the end counts as little as the last token itself, which was never fed.
      expect(other.cachedTokens).toBe(9 + tokens.length - 1 + end - 1 + 2);
      const next = await other.generateTokens({
        ...{ tokens: [5, 9, 200, ...tokens.slice(0, 8)], maxNewTokens: 1, sampling: { temperature: 0 } },
      });
      expect(next.tokens).toEqual(tokens.slice(8));
      other.dispose();
    });

    it('end at the last position of the context', async () => {
      const other = await loadTiny(backend, { slots: 2, stepsPerSubmit: 16 });
      const long = Array.from({ length: CONTEXT - 5 }, (_, i) => (i * 13) % 500);
      const request = { tokens: long, maxNewTokens: 5, sampling: { temperature: 0 } };
      const [full, beside] = await Promise.all([
        other.generateTokens(request),
        other.generateTokens({ tokens: [4, 5], maxNewTokens: 4, sampling: { temperature: 0 } }),
      ]);
      expect(beside.tokens).toHaveLength(4);
      expectSame([full], await apart([request]));
      other.dispose();
    });

    it('stop at an abort', async () => {
      const other = await loadTiny(backend, { slots: 1, stepsPerSubmit: 16 });
      const controller = new AbortController();
      let heard = 0;
      const running = other.generateTokens({
        ...{ tokens: [5, 9, 200], maxNewTokens: 40, sampling: { temperature: 0 }, signal: controller.signal },
        onToken: () => {
          heard += 1;
          if (heard === 6) controller.abort();
          return undefined;
        },
      });
      await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
      expect(heard).toBe(6);
      other.dispose();
    });
  });

  describe('adapters', () => {
    it('decode beside each other and the model itself, each from its own cache, until they are removed', async () => {
      const before = backend.liveBytes;
      const other = await loadTiny(backend, { slots: 3 });
      const bare = backend.liveBytes;
      const golden = await goldenAdapter(other.config);
      // The same shapes and scales, so that no further pipelines need be compiled.
      const pairs = golden.pairs.map((pair) => ({ ...pair, up: pair.up.map((value) => -2 * value) }));
      const opposite = { ...golden, pairs };
      await other.addAdapter('golden', golden);
      await other.addAdapter('opposite', opposite);
      await expect(other.addAdapter('golden', golden)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect(other.adapters).toEqual(['golden', 'opposite']);
      const request = { tokens: [5, 9, 200, 31], maxNewTokens: 6, sampling: { temperature: 0 } };
      const wanted = [{}, { adapter: 'golden' }, { adapter: 'opposite' }].map((of) => ({ ...request, ...of }));
      const want: GenerateTokensResult[] = [];
      for (const one of wanted) {
        other.resetCache();
        want.push(await other.generateTokens(one));
      }
      expect(new Set(want.map(({ logprobs }) => String(logprobs))).size).toBe(3);
      expectSame(await Promise.all(wanted.map((one) => other.generateTokens(one))), want);

      const text = [...request.tokens, ...(want[1]?.tokens ?? [])];
      const scores = await other.scoreTokens(text, { adapter: 'golden' });
      expect(maxDifference(scores.subarray(3), want[1]?.logprobs ?? [])).toBeLessThan(TOLERANCE);
      expect(maxDifference(await other.scoreTokens(text), scores)).toBeGreaterThan(100 * TOLERANCE);

      const running = other.generateTokens({ ...request, adapter: 'golden' });
      await Promise.all([other.removeAdapter('golden'), other.removeAdapter('unknown')]);
      expectSame([await running], want.slice(1, 2));
      await expect(other.generateTokens({ ...request, adapter: 'golden' })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      expect(backend.liveBytes).toBeGreaterThan(bare);
      await other.removeAdapter('opposite');
      expect(backend.liveBytes).toBe(bare);
      await other.addAdapter('again', golden);
      other.dispose();
      expect(backend.liveBytes).toBe(before);
    });
  });

  describe('memory', () => {
    it('is freed whole by unloading in the middle, and every call is told', async () => {
      const before = backend.liveBytes;
      const other = await loadTiny(backend, { slots: 2 });
      const running = all.slice(0, 4).map((request) => other.generateTokens(request));
      const scoring = other.scoreTokens([1, 2, 3]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      other.dispose();
      expect(backend.liveBytes).toBe(before);
      for (const call of [...running, scoring]) {
        await call.then(
          () => undefined,
          (error: unknown) => expect(error).toMatchObject({ code: 'INTERNAL' }),
        );
      }
      await expect(other.prefill([1])).rejects.toMatchObject({ code: 'INTERNAL' });
      // The backend is as good as before.
      expect((await model.scoreTokens([1, 2, 3])).length).toBe(2);
    });
  });
}
