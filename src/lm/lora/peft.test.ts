import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { goldensFolder, readJson } from '../../../tests/goldens/read-tensors';
import { AppError } from '../../protocol/errors';
import { bytesSource } from '../byte-source';
import { parseModelConfig, type ModelConfig } from '../config';
import { writeSafetensors } from '../safetensors-writer';
import { loraScale, type LoraAdapter, type LoraPair } from './adapter';
import { parseAdapterConfig } from './adapter-config';
import { LORA_MODULES, modulePath, moduleShape, parseModulePath, type LoraModule } from './modules';
import { readPeftAdapter } from './read-peft';
import { writePeftAdapter } from './write-peft';

interface Tensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

const lora = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj'], bias: 'none' };

let model: ModelConfig;
beforeAll(async () => {
  model = parseModelConfig(await readJson('qwen2-tiny', 'config.json'));
});

const pairOf = (layer: number, module: LoraModule, rank: number, alpha: number): LoraPair => {
  const { inputs, outputs } = moduleShape(model, module);
  const values = (count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => layer + rank + i / 7);
  return { layer, module, rank, alpha, down: values(rank * inputs), up: values(outputs * rank) };
};

/** Tensors of one module in every layer, under PEFT's names. */
function tensorsOf(module: LoraModule, rank: number, name = ''): Tensor[] {
  const { inputs, outputs } = moduleShape(model, module);
  return Array.from({ length: model.layers }, (_, layer) => {
    const path = `base_model.model.${modulePath(layer, module)}`;
    return [
      {
        name: `${path}.lora_A${name}.weight`,
        shape: [rank, inputs],
        values: new Float32Array(rank * inputs).fill(1),
      },
      {
        name: `${path}.lora_B${name}.weight`,
        shape: [outputs, rank],
        values: new Float32Array(rank * outputs).fill(2),
      },
    ];
  }).flat();
}

const read = (config: unknown, tensors: readonly Tensor[]): Promise<LoraAdapter> =>
  readPeftAdapter({ config, source: bytesSource('adapter', writeSafetensors(tensors)), model });

describe('reading PEFT', () => {
  it('takes the golden adapter as it is', async () => {
    const bytes = await readFile(join(goldensFolder, 'lora', 'adapter_model.safetensors'));
    const config = (await readJson('lora', 'adapter_config.json')) as { r: number; lora_alpha: number };
    const adapter = await readPeftAdapter({ config, source: bytesSource('adapter', bytes), model });
    expect(adapter.baseModel).toBe('qwen2-tiny');
    const all = Array.from({ length: model.layers }, (_, layer) =>
      LORA_MODULES.map((module) => modulePath(layer, module)),
    );
    expect(adapter.pairs.map(({ layer, module }) => modulePath(layer, module))).toEqual(all.flat());
    for (const pair of adapter.pairs) expect(loraScale(adapter, pair)).toBe(config.lora_alpha / config.r);
  });

  it.each([
    ['without an adapter’s name', ''],
    ['with PEFT’s usual one', '.default'],
    ['with another', '.actor'],
  ])('takes tensors %s', async (_, name) => {
    const { pairs } = await read(lora, tensorsOf('q_proj', 2, name));
    expect(pairs).toHaveLength(model.layers);
    expect(pairs[0]).toMatchObject({ layer: 0, module: 'q_proj', rank: 2, alpha: 4 });
    expect(pairs[0]?.down[0]).toBe(1);
    expect(pairs[0]?.up[0]).toBe(2);
  });

  it('takes targets as a list, as all-linear, and as a pattern', async () => {
    for (const target_modules of [['q_proj'], ['self_attn.q_proj'], 'all-linear', '.*q_proj', null]) {
      expect((await read({ ...lora, target_modules }, tensorsOf('q_proj', 2))).pairs).toHaveLength(
        model.layers,
      );
    }
  });

  it('scales by α/√r where the adapter is rank-stabilised', async () => {
    const adapter = await read({ ...lora, r: 4, use_rslora: true }, tensorsOf('q_proj', 4));
    expect(loraScale(adapter, adapter.pairs[0]!)).toBe(2);
  });

  it('finds rank and α of a module by the first pattern that is its name or the end of its path', async () => {
    const patterns = {
      rank_pattern: { v_proj: 3 },
      alpha_pattern: { 'layers.1.self_attn.v_proj': 9, '^model.layers.0.self_attn.q_proj': 5, proj: 100 },
    };
    const config = { ...lora, target_modules: ['q_proj', 'v_proj'], ...patterns };
    const { pairs } = await read(config, [...tensorsOf('q_proj', 2), ...tensorsOf('v_proj', 3)]);
    const found = Object.fromEntries(pairs.map((p) => [`${p.layer}.${p.module}`, [p.rank, p.alpha]]));
    expect(found).toMatchObject({
      '0.q_proj': [2, 5],
      '1.q_proj': [2, 4],
      '0.v_proj': [3, 4],
      '1.v_proj': [3, 9],
    });
  });

  it.each([
    [{ peft_type: 'IA3' }, /of type IA3/],
    [{ use_dora: true }, /DoRA/],
    [{ modules_to_save: ['lm_head'] }, /modules_to_save/],
    [{ bias: 'all' }, /bias: all/],
    [{ lora_bias: true }, /lora_bias/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out/],
    [{ init_lora_weights: 'pissa_niter_4' }, /pissa_niter_4/],
    [{ layer_replication: [[0, 1]] }, /layer_replication/],
    [{ rank_pattern: { '(a+)+$': 4 } }, /not a plain name/],
    [{ target_modules: ['q_proj', 'lm_head'] }, /lm_head/],
  ])('refuses what is more than LoRA, by name: %j', async (change, message) => {
    const made = read({ ...lora, ...change }, tensorsOf('q_proj', 2));
    await expect(made).rejects.toThrow(message);
    await expect(made).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('accepts the fields of a variant that are off', async () => {
    const off = {
      use_dora: false,
      modules_to_save: null,
      lora_bias: false,
      init_lora_weights: 'gaussian',
      rank_pattern: {},
    };
    await expect(
      read({ ...lora, ...off, layers_to_transform: [] }, tensorsOf('q_proj', 2)),
    ).resolves.toBeDefined();
  });

  it.each([
    [{ r: 0 }, /r:/],
    [{ r: '8' }, /r:/],
    [{ lora_alpha: null }, /lora_alpha/],
    [{ target_modules: [1] }, /target_modules/],
    [{ peft_type: undefined }, /peft_type/],
  ])('names the field of adapter_config.json that is wrong: %j', (change, message) => {
    const parse = (): unknown => parseAdapterConfig({ ...lora, ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }) as Error);
  });

  const broken: [string, () => Tensor[], RegExp, string, object?][] = [
    ['another rank', () => tensorsOf('q_proj', 3), /is \[3, \d+\] where \[2, \d+\] is needed/, 'BAD_INPUT'],
    [
      'no B',
      () => tensorsOf('q_proj', 2).slice(0, -1),
      /no model\.layers\.1\.self_attn\.q_proj\.lora_B/,
      'BAD_INPUT',
    ],
    [
      'a layer missing',
      () => tensorsOf('q_proj', 2).slice(0, -2),
      /lacks tensors of model\.layers\.1/,
      'BAD_INPUT',
    ],
    ['nothing', () => [], /no tensors/, 'BAD_INPUT'],
    [
      'a layer too many',
      () => tensorsOf('q_proj', 2).map((t) => ({ ...t, name: t.name.replace('layers.1', 'layers.7') })),
      /layer 7/,
      'BAD_INPUT',
    ],
    [
      'two adapters',
      () => [...tensorsOf('q_proj', 2, '.a'), ...tensorsOf('q_proj', 2, '.b')],
      /several adapters/,
      'BAD_INPUT',
    ],
    [
      'an embedding',
      () => [
        {
          name: 'base_model.model.model.embed_tokens.lora_embedding_A',
          shape: [1],
          values: new Float32Array(1),
        },
      ],
      /embed_tokens/,
      'UNSUPPORTED',
    ],
    [
      'a DoRA vector',
      () => [
        {
          name: 'base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector',
          shape: [1],
          values: new Float32Array(1),
        },
      ],
      /DoRA/,
      'UNSUPPORTED',
    ],
    [
      'values that are not numbers',
      () => tensorsOf('q_proj', 2).map((t) => ({ ...t, values: t.values.fill(NaN) })),
      /not numbers/,
      'INTEGRITY',
    ],
  ];
  it.each(broken)('refuses a file with %s', async (_, tensors, message, code) => {
    const made = read(lora, tensors());
    await expect(made).rejects.toThrow(message);
    await expect(made).rejects.toMatchObject({ code });
  });

  it('does not miss layers that the adapter was not made for', async () => {
    const first = tensorsOf('q_proj', 2).slice(0, 2);
    expect((await read({ ...lora, layers_to_transform: [0] }, first)).pairs).toHaveLength(1);
  });

  it('ends with an adapter or an AppError whatever the config says', async () => {
    const fields = [
      ...Object.keys(lora),
      'rank_pattern',
      'alpha_pattern',
      'use_rslora',
      'layers_to_transform',
    ];
    const tensors = tensorsOf('q_proj', 2);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.jsonValue(),
          fc.dictionary(fc.constantFrom(...fields), fc.jsonValue()).map((c) => ({ ...lora, ...c })),
        ),
        async (config) => {
          await read(config, tensors).catch((error: unknown) => {
            expect(error).toBeInstanceOf(AppError);
          });
        },
      ),
    );
  });
});

describe('writing PEFT', () => {
  const written = async (
    adapter: LoraAdapter,
    layers?: number,
  ): Promise<{ back: LoraAdapter; config: unknown }> => {
    const [config, weights] = writePeftAdapter(adapter, layers);
    expect([config.path, weights.path]).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const json: unknown = JSON.parse(new TextDecoder().decode(config.bytes));
    const back = await readPeftAdapter({
      config: json,
      source: bytesSource('written', weights.bytes),
      model,
    });
    return { back, config: json };
  };

  it('gives the golden adapter back, with its names and settings', async () => {
    const bytes = await readFile(join(goldensFolder, 'lora', 'adapter_model.safetensors'));
    const config = await readJson('lora', 'adapter_config.json');
    const adapter = await readPeftAdapter({ config, source: bytesSource('adapter', bytes), model });
    const { back, config: again } = await written(adapter);
    expect(back).toEqual(adapter);
    const { r, lora_alpha, target_modules, base_model_name_or_path } = config as Record<string, unknown>;
    expect(again).toMatchObject({
      r,
      lora_alpha,
      target_modules,
      base_model_name_or_path,
      peft_type: 'LORA',
    });
  });

  it('says in patterns what is not the same everywhere, and which layers and modules there are', async () => {
    const regular = {
      rankStabilised: true,
      baseModel: undefined,
      pairs: [pairOf(0, 'q_proj', 2, 4), pairOf(1, 'q_proj', 3, 4)],
    };
    const first = await written(regular);
    expect(first.back).toEqual(regular);
    expect(first.config).toMatchObject({
      use_rslora: true,
      target_modules: ['q_proj'],
      layers_to_transform: null,
    });
    const irregular = {
      ...regular,
      pairs: [pairOf(0, 'q_proj', 2, 4), pairOf(1, 'up_proj', 2, 8), pairOf(1, 'down_proj', 2, 8)],
    };
    const second = await written(irregular);
    expect(second.back).toEqual(irregular);
    expect(second.config).toMatchObject({
      lora_alpha: 8,
      alpha_pattern: { 'layers.0.self_attn.q_proj': 4 },
      target_modules: ['layers.0.self_attn.q_proj', 'layers.1.mlp.up_proj', 'layers.1.mlp.down_proj'],
    });
    const later = { ...regular, pairs: [pairOf(1, 'o_proj', 2, 4)] };
    const third = await written(later);
    expect(third.back).toEqual(later);
    expect(third.config).toMatchObject({ target_modules: ['o_proj'], layers_to_transform: [1] });
  });

  it('names the layers where they are the first ones and not all that the model has', async () => {
    const first = { rankStabilised: false, baseModel: undefined, pairs: [pairOf(0, 'v_proj', 2, 4)] };
    const { back, config } = await written(first, model.layers);
    expect(back).toEqual(first);
    expect(config).toMatchObject({ layers_to_transform: [0] });
  });
});

describe('module paths', () => {
  it('are read as they are written, and nothing else is', () => {
    for (const module of LORA_MODULES) {
      expect(parseModulePath(modulePath(12, module))).toEqual({ layer: 12, module });
    }
    const others = [
      'model.layers.0.mlp.q_proj',
      'model.layers.00.self_attn.q_proj',
      'lm_head',
      'model.layers.0.self_attn.q_norm',
    ];
    for (const path of others) expect(parseModulePath(path)).toBeUndefined();
  });
});
