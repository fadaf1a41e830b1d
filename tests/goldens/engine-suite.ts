/** What an engine must reproduce, whatever backend it runs on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import { loadModel, type LoadedModel } from '../../src/lm/engine';
import { logSumExp } from '../../src/lm/sampling';
import { goldensFolder, readJson, readTensors } from './read-tensors';

interface GreedyGolden {
  max_new_tokens: number;
  temperature: number;
  cases: { prompt: number[]; continuation: number[]; logprobs: number[]; logprobs_at_temperature: number[] }[];
}

/** Largest difference that float32 arithmetic may leave. */
const TOLERANCE = 1e-4;

export async function loadGolden(backend: Backend, name: string, maxContext?: number): Promise<LoadedModel> {
  const weights = await readFile(join(goldensFolder, name, 'model.safetensors'));
  return loadModel({
    backend,
    config: await readJson(name, 'config.json'),
    source: bytesSource(`${name}/model.safetensors`, weights),
    ...(maxContext !== undefined && { maxContext }),
  });
}

/** The unpadded rows of a golden batch: token ids and where they stand. */
export async function readRows(name: string): Promise<{ tokens: number[]; row: number; first: number }[]> {
  const tensor = await readTensors(name, 'forward.safetensors');
  const ids = tensor('input_ids');
  const mask = tensor('attention_mask').data;
  const [batch = 0, length = 0] = ids.shape;
  return Array.from({ length: batch }, (_, row) => {
    const valid = Array.from({ length }, (_unused, t) => t).filter((t) => mask[row * length + t] === 1);
    return { tokens: valid.map((t) => ids.data[row * length + t]!), row, first: valid[0]! };
  });
}

export function describeEngine(makeBackend: () => Promise<Backend>): void {
  let backend: Backend;
  beforeAll(async () => {
    backend = await makeBackend();
  });
  afterAll(() => backend.dispose());

  describe.each(['qwen2-tiny', 'qwen2-tiny-untied', 'llama-tiny', 'qwen3-tiny'])('%s', (name) => {
    let model: LoadedModel;
    beforeAll(async () => {
      model = await loadGolden(backend, name);
    });
    afterAll(() => model.dispose());

    it('reproduces the logits of every position', async () => {
      const logits = (await readTensors(name, 'forward.safetensors'))('logits');
      const [, length = 0, vocab = 0] = logits.shape;
      for (const { tokens, row, first } of await readRows(name)) {
        const got = await model.allLogits(tokens);
        const start = (row * length + first) * vocab;
        const want = logits.data.subarray(start, start + tokens.length * vocab);
        expect(got.length).toBe(want.length);
        expect(maxDifference(got, want)).toBeLessThan(TOLERANCE);
      }
    });

    it('scores every token after the first', async () => {
      const logprobs = (await readTensors(name, 'forward.safetensors'))('logprobs');
      const [, length = 0] = logprobs.shape;
      for (const { tokens, row, first } of await readRows(name)) {
        const got = await model.scoreTokens(tokens);
        const start = row * length + first;
        const want = logprobs.data.subarray(start, start + tokens.length - 1);
        expect(got.length).toBe(tokens.length - 1);
        expect(maxDifference(got, want)).toBeLessThan(TOLERANCE);
      }
    });

    it('scores at a temperature what softmax of the divided logits gives, and at 1 again afterwards', async () => {
      const { tokens } = (await readRows(name))[0]!;
      const logits = await model.allLogits(tokens);
      const vocabulary = logits.length / tokens.length;
      const [cool] = await model.scoreSequences([tokens], { temperature: 0.6 });
      const wanted = tokens.slice(1).map((token, at) => {
        const row = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
        return (row[token] ?? NaN) / 0.6 - logSumExp(row, 0.6);
      });
      expect(maxDifference(cool ?? [], wanted)).toBeLessThan(TOLERANCE);
      const [plain] = await model.scoreSequences([tokens], { temperature: 1 });
      expect(maxDifference(plain ?? [], await model.scoreTokens(tokens))).toBe(0);
      await expect(model.scoreSequences([tokens], { temperature: 0 })).rejects.toMatchObject({
        code: 'BAD_INPUT',
      });
    });

    it('gives the same last logits whether the prompt comes at once or token by token', async () => {
      const { tokens } = (await readRows(name))[0]!;
      model.resetCache();
      const { logits: atOnce } = await model.prefill(tokens);
      const { logits: first } = await model.prefill(tokens.slice(0, 1));
      expect(first).toHaveLength(atOnce.length);
      let last = first;
      for (const token of tokens.slice(1)) last = await model.decode(token);
      expect(maxDifference(last, atOnce)).toBeLessThan(TOLERANCE);
    });
  });

  describe('greedy continuation of qwen2-tiny', () => {
    let model: LoadedModel;
    let golden: GreedyGolden;
    beforeAll(async () => {
      model = await loadGolden(backend, 'qwen2-tiny');
      golden = (await readJson('qwen2-tiny', 'greedy.json')) as GreedyGolden;
    });
    afterAll(() => model.dispose());

    it('is the reference’s, with its log-probabilities', async () => {
      for (const { prompt, continuation, logprobs } of golden.cases) {
        const result = await model.generateTokens({
          tokens: prompt,
          maxNewTokens: golden.max_new_tokens,
          sampling: { temperature: 0 },
        });
        expect(result.tokens).toEqual(continuation);
        expect(maxDifference(result.logprobs, logprobs)).toBeLessThan(TOLERANCE);
        expect(result.finishReason).toBe('length');
      }
    });

    it('keeps the common prefix in the cache and is not changed by it', async () => {
      const { prompt, continuation } = golden.cases.at(-1)!;
      const sampling = { temperature: 0 };
      model.resetCache();
      const half = continuation.length >> 1;
      await model.generateTokens({ tokens: prompt, maxNewTokens: half, sampling });
      const rest = await model.generateTokens({
        tokens: [...prompt, ...continuation.slice(0, half)],
        maxNewTokens: continuation.length - half,
        sampling,
      });
      // The last generated token was never fed, so all but that one are found again.
      expect(rest.cachedTokens).toBe(prompt.length + half - 1);
      expect(rest.tokens).toEqual(continuation.slice(half));
    });

    it('draws with the reference’s log-probabilities at a temperature', async () => {
      const { prompt, continuation, logprobs_at_temperature: want } = golden.cases[0]!;
      const { temperature } = golden;
      const result = await model.generateTokens({
        tokens: prompt,
        maxNewTokens: 1,
        sampling: { temperature, topK: 1, seed: 3 },
      });
      expect(result.tokens[0]).toBe(continuation[0]);
      expect(Math.abs(result.logprobs[0]! - want[0]!)).toBeLessThan(TOLERANCE);
    });
  });

  it('frees everything when a model is disposed of', async () => {
    const before = backend.liveBytes;
    const model = await loadGolden(backend, 'llama-tiny', 64);
    expect(backend.liveBytes).toBeGreaterThan(before);
    await model.scoreTokens([1, 2, 3]);
    model.dispose();
    model.dispose();
    expect(backend.liveBytes).toBe(before);
    await expect(model.scoreTokens([1, 2, 3])).rejects.toMatchObject({ code: 'INTERNAL' });
  });
}

export function maxDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < want.length; i += 1) {
    const difference = Math.abs(got[i]! - want[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}
