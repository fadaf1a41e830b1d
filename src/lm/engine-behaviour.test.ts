import { beforeAll, describe, expect, it } from 'vitest';
import { loadGolden } from '../../tests/goldens/engine-suite';
import { goldensFolder, readJson } from '../../tests/goldens/read-tensors';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CpuBackend } from '../gpu/cpu/backend';
import { bytesSource, type ByteSource } from './byte-source';
import { loadModel, type LoadedModel } from './engine';

const CONTEXT = 24;
const greedy = { temperature: 0 };
const backend = new CpuBackend();
let model: LoadedModel;
let weights: Uint8Array;
let config: Record<string, unknown>;
beforeAll(async () => {
  model = await loadGolden(backend, 'qwen2-tiny', CONTEXT);
  weights = await readFile(join(goldensFolder, 'qwen2-tiny/model.safetensors'));
  config = (await readJson('qwen2-tiny', 'config.json')) as Record<string, unknown>;
});

const source = (bytes = weights): ByteSource => bytesSource('model.safetensors', bytes);
const prompt = [5, 9, 200, 31, 7, 42];

describe('generateTokens', () => {
  it('keeps the last tokens of a prompt that is too long, and says how many it dropped', async () => {
    const long = Array.from({ length: 60 }, (_, i) => (i * 17) % 500);
    const result = await model.generateTokens({ tokens: long, maxNewTokens: 4, sampling: greedy });
    expect(result).toMatchObject({ promptTokens: CONTEXT - 4, droppedTokens: 60 - CONTEXT + 4 });
    const kept = await model.generateTokens({
      tokens: long.slice(-(CONTEXT - 4)),
      maxNewTokens: 4,
      sampling: greedy,
    });
    expect(kept.tokens).toEqual(result.tokens);
    const shorter = await model.generateTokens({
      ...{ tokens: long, maxNewTokens: 4, sampling: greedy },
      maxPromptTokens: 5,
    });
    expect(shorter).toMatchObject({ promptTokens: 5, droppedTokens: 55 });
  });

  it('fills the context to the last position', async () => {
    const result = await model.generateTokens({ tokens: [1], maxNewTokens: CONTEXT - 1, sampling: greedy });
    expect(result.tokens).toHaveLength(CONTEXT - 1);
    await expect(
      model.generateTokens({ tokens: [1], maxNewTokens: CONTEXT, sampling: greedy }),
    ).rejects.toMatchObject({ code: 'CONTEXT_TOO_LONG' });
  });

  it('stops after a stop token, or when the callback says so', async () => {
    const options = { tokens: prompt, maxNewTokens: 8, sampling: greedy };
    const { tokens } = await model.generateTokens(options);
    const third = tokens[2]!;
    const end = tokens.indexOf(third) + 1;
    const stopped = await model.generateTokens({ ...options, stopTokenIds: [third] });
    expect(stopped).toMatchObject({ tokens: tokens.slice(0, end), finishReason: 'stop' });
    const seen: number[] = [];
    const asked = await model.generateTokens({
      ...options,
      onToken: ({ id }) => (seen.push(id) === 2 ? 'stop' : undefined),
    });
    expect(asked).toMatchObject({ tokens: tokens.slice(0, 2), finishReason: 'callback' });
    expect(seen).toEqual(tokens.slice(0, 2));
  });

  it('gives the same tokens for the same seed', async () => {
    const draw = async (seed: number): Promise<number[]> => {
      const sampling = { temperature: 2, seed };
      return (await model.generateTokens({ tokens: prompt, maxNewTokens: 12, sampling })).tokens;
    };
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
  });

  it('stops at an abort and is as good as before afterwards', async () => {
    const options = { tokens: prompt, maxNewTokens: 8, sampling: greedy };
    const { tokens } = await model.generateTokens(options);
    const controller = new AbortController();
    let count = 0;
    const aborted = model.generateTokens({
      ...options,
      signal: controller.signal,
      onToken: () => {
        count += 1;
        if (count === 3) controller.abort();
        return undefined;
      },
    });
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect(count).toBe(3);
    const again = await model.generateTokens(options);
    expect(again.tokens).toEqual(tokens);
    expect(again.cachedTokens).toBe(prompt.length - 1);
  });

  it('runs calls one after the other, so that they cannot mix in the cache', async () => {
    const run = (tokens: number[]) => model.generateTokens({ tokens, maxNewTokens: 6, sampling: greedy });
    const apart = [(await run(prompt)).tokens, (await run([7, 8])).tokens];
    const together = await Promise.all([run(prompt), run([7, 8])]);
    expect(together.map(({ tokens }) => tokens)).toEqual(apart);
  });
});

describe('what cannot be computed', () => {
  it.each([
    ['no tokens', [], 'BAD_INPUT'],
    ['a token beyond the vocabulary', [512], 'BAD_INPUT'],
    ['a fraction of a token', [1.5], 'BAD_INPUT'],
    ['more tokens than the context', Array.from({ length: CONTEXT + 1 }, () => 1), 'CONTEXT_TOO_LONG'],
  ])('is refused: %s', async (_, tokens, code) => {
    await expect(model.prefill(tokens)).rejects.toMatchObject({ code });
    await expect(model.scoreTokens(tokens)).rejects.toMatchObject({ code });
  });

  it('does not disturb the next call', async () => {
    const { logits } = await model.prefill(prompt);
    await expect(model.prefill([9999])).rejects.toThrow();
    expect((await model.prefill(prompt)).logits).toEqual(logits);
  });
});

describe('scoreTokens', () => {
  it('gives nothing for a single token', async () => {
    expect(await model.scoreTokens([3])).toHaveLength(0);
  });
});

describe('loadModel', () => {
  const load = (change: Record<string, unknown>, bytes = weights) => {
    const fresh = new CpuBackend();
    return {
      fresh,
      loading: loadModel({ backend: fresh, config: { ...config, ...change }, source: source(bytes) }),
    };
  };

  it.each([
    ['a tensor is missing', { num_hidden_layers: 3 }, 'BAD_INPUT', /no tensor model.layers.2/],
    ['a shape does not fit', { intermediate_size: 180 }, 'BAD_INPUT', /where config.json needs/],
    ['the heads do not fit', { num_key_value_heads: 4 }, 'BAD_INPUT', /k_proj/],
    ['the head is missing', { tie_word_embeddings: false }, 'BAD_INPUT', /lm_head/],
    ['the architecture is another', { architectures: ['Qwen9'] }, 'UNSUPPORTED', /Qwen9/],
  ])('refuses when %s, and leaves nothing behind', async (_, change, code, message) => {
    const { fresh, loading } = load(change);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toMatchObject({ code });
    expect(fresh.liveBytes).toBe(0);
  });

  it('refuses a file that ends too soon', async () => {
    await expect(load({}, weights.subarray(0, weights.length - 4)).loading).rejects.toMatchObject({
      code: 'INTEGRITY',
    });
  });

  it('never asks for more than a piece, reports progress in order, and reads every byte once', async () => {
    const reads: number[] = [];
    const whole = source();
    const progress: number[] = [];
    let total = 0;
    const loaded = await loadModel({
      backend: new CpuBackend(),
      config,
      source: {
        ...whole,
        read: (offset, length, signal) => {
          reads.push(length);
          return whole.read(offset, length, signal);
        },
      },
      onProgress: (step) => {
        progress.push(step.done);
        total = step.total;
      },
    });
    loaded.dispose();
    expect(reads.reduce((sum, length) => sum + length, 0)).toBe(weights.length);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(total);
  });

  it('can be stopped, and frees what it had', async () => {
    const fresh = new CpuBackend();
    const controller = new AbortController();
    const loading = loadModel({
      backend: fresh,
      config,
      source: source(),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(loading).rejects.toMatchObject({ code: 'ABORTED' });
    expect(fresh.liveBytes).toBe(0);
  });

  it('refuses a context beyond what the checkpoint was made for', async () => {
    const loading = loadModel({ backend: new CpuBackend(), config, source: source(), maxContext: 5000 });
    await expect(loading).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
