import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/gpu/backend';
import { planMemory } from '../../src/lm/budget';
import { bytesSource } from '../../src/lm/byte-source';
import { parseModelConfig } from '../../src/lm/config';
import { loadModel } from '../../src/lm/engine';
import type { LoraPair } from '../../src/lm/lora/adapter';
import { adapterShape } from '../../src/lm/lora/adapter-memory';
import { LORA_MODULES, moduleShape, type LoraModule } from '../../src/lm/lora/modules';
import type { AdapterShape } from '../../src/protocol/model-library';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { madeCheckpoint, SMALL_QWEN, type ShapeConfig } from './made-checkpoint';

const CONFIGS: Record<string, ShapeConfig> = {
  'a tied Qwen2': SMALL_QWEN,
  'a Qwen2 with an untied head': { ...SMALL_QWEN, tie_word_embeddings: false, num_hidden_layers: 2 },
  'a Qwen3 with heads of their own size': {
    ...SMALL_QWEN,
    ...{ architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3', head_dim: 32, num_hidden_layers: 1 },
  },
  'a Llama whose widths are no multiple of 32': {
    ...SMALL_QWEN,
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_size: 40, intermediate_size: 66 },
    num_hidden_layers: 1,
  },
};

/** What is planned is what a load leaves in memory, byte for byte, and unloading frees all of it. */
export function budgetSuite(name: string, open: () => Promise<Backend>): void {
  describe(`the memory plan on ${name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.dispose());

    it.each(Object.entries(CONFIGS))('is exact for %s in every type, context and number of slots', async (_, json) => {
      const file = madeCheckpoint({ config: json, type: 'BF16' }).get('model.safetensors')!;
      const source = bytesSource('model.safetensors', file.read(0, file.size));
      const checkpoint = await openSafetensorsCheckpoint([source]);
      const config = parseModelConfig(json);
      const { preferredRows, description } = backend;
      const device = description.kind;
      for (const [weights, maxContext, slots] of [
        [undefined, 17, 1],
        ['f32', 100, 3],
        ['f16', 33, 2],
        ['q8', 64, 1],
        ['q4', 128, 4],
      ] as const) {
        const before = backend.liveBytes;
        const plan = planMemory({ config, weights, checkpoint, maxContext, slots, preferredRows, device });
        const options = { backend, config: json, checkpoint, maxContext, slots };
        const model = await loadModel({ ...options, ...(weights && { weights }) });
        expect([weights, backend.liveBytes - before]).toEqual([weights, plan.total]);
        expect(plan.weights + plan.cache + plan.scratch).toBe(plan.total);
        expect(plan.cachePerToken * maxContext * slots).toBe(plan.cache);
        model.dispose();
        expect(backend.liveBytes).toBe(before);
      }
    });

    it('counts resident adapters to the byte, whatever they adapt', async () => {
      const file = madeCheckpoint({ config: SMALL_QWEN, type: 'BF16' }).get('model.safetensors')!;
      const checkpoint = await openSafetensorsCheckpoint([bytesSource('model.safetensors', file.read(0, file.size))]);
      const config = parseModelConfig(SMALL_QWEN);
      const { preferredRows } = backend;
      const options = { backend, config: SMALL_QWEN, checkpoint, maxContext: 64, slots: 2 };
      const model = await loadModel(options);
      const before = backend.liveBytes;
      const pair = (layer: number, module: LoraModule, rank: number, alpha: number): LoraPair => {
        const { inputs, outputs } = moduleShape(config, module);
        const [down, up] = [new Float32Array(rank * inputs), new Float32Array(rank * outputs)];
        return { layer, module, rank, alpha, down, up };
      };
      const last = config.layers - 1;
      const sets = [
        [pair(0, 'q_proj', 3, 6), pair(0, 'v_proj', 3, 6), pair(last, 'o_proj', 8, 8)],
        [pair(0, 'k_proj', 2, 4), pair(0, 'v_proj', 2, 8), pair(0, 'up_proj', 5, 5), pair(last, 'down_proj', 4, 4)],
        LORA_MODULES.map((module) => pair(last, module, 4, 8)),
      ];
      const shapes: AdapterShape[] = [];
      for (const [index, pairs] of sets.entries()) {
        const adapter = { rankStabilised: index === 1, baseModel: undefined, pairs };
        await model.addAdapter(`adapter ${index}`, adapter);
        shapes.push(adapterShape(adapter));
        const plan = planMemory({ config, checkpoint, maxContext: 64, slots: 2, preferredRows, adapters: shapes });
        expect([index, backend.liveBytes - before]).toEqual([index, plan.adapters]);
      }
      model.dispose();
    });
  });
}
