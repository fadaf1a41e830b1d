/** Biases that a config asks for, against a model that needs none: the two must give the same logits. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Backend } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import { floatsOf, type Checkpoint } from '../../src/lm/checkpoint';
import { parseModelConfig } from '../../src/lm/config';
import { loadModel } from '../../src/lm/engine';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { writeSafetensors } from '../../src/lm/safetensors-writer';
import { loadGolden, maxDifference } from './engine-suite';
import { goldensFolder, readJson } from './read-tensors';

interface Values {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

async function valuesOf({ tensors }: Checkpoint): Promise<Map<string, Values>> {
  const all = new Map<string, Values>();
  for (const { name, shape, readRows } of tensors.values()) {
    const values = Float32Array.from(floatsOf(await readRows(0, shape[0] ?? 0)));
    all.set(name, { name, shape, values });
  }
  return all;
}

/**
 * Qwen2 as a Llama with `attention_bias`. Attention weights sum to 1, so a bias on the values adds the same to every position,
 * and the output projection of it may as well be that projection's own bias: the value biases are moved there.
 */
export function describeAttentionBias(makeBackend: () => Promise<Backend>): void {
  it('gives the same logits with the biases of the values moved to the output projection', async () => {
    const backend = await makeBackend();
    const json = (await readJson('qwen2-tiny', 'config.json')) as object;
    const config = parseModelConfig(json);
    const file = await readFile(join(goldensFolder, 'qwen2-tiny', 'model.safetensors'));
    const tensors = await valuesOf(await openSafetensorsCheckpoint([bytesSource('model', file)]));
    const { hiddenSize, headSize, queryHeads, keyValueHeads } = config;
    const width = queryHeads * headSize;
    for (let layer = 0; layer < config.layers; layer += 1) {
      const at = `model.layers.${layer}.self_attn`;
      const value = tensors.get(`${at}.v_proj.bias`)!.values;
      const projection = tensors.get(`${at}.o_proj.weight`)!.values;
      const bias = new Float32Array(hiddenSize);
      for (let row = 0; row < hiddenSize; row += 1) {
        for (let i = 0; i < width; i += 1) {
          const head = Math.floor(Math.floor(i / headSize) / (queryHeads / keyValueHeads));
          bias[row]! += projection[row * width + i]! * value[head * headSize + (i % headSize)]!;
        }
      }
      expect(Math.max(...bias.map(Math.abs))).toBeGreaterThan(1e-3);
      value.fill(0);
      tensors.set(`${at}.o_proj.bias`, { name: `${at}.o_proj.bias`, shape: [hiddenSize], values: bias });
    }
    const moved = await loadModel({
      backend,
      config: { ...json, architectures: ['LlamaForCausalLM'], attention_bias: true },
      source: bytesSource('moved', writeSafetensors([...tensors.values()])),
      maxContext: 32,
    });
    const tokens = [4, 9, 33, 120, 7, 7, 250, 61];
    const got = await moved.allLogits(tokens);
    moved.dispose();
    const original = await loadGolden(backend, 'qwen2-tiny', 32);
    const want = await original.allLogits(tokens);
    original.dispose();
    expect(maxDifference(got, want)).toBeLessThan(1e-4);
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });
}
