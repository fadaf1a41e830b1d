/** What adapters must do, whatever backend they run on: the golden one, and random ones against merged weights. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, Tensor } from '../../src/gpu/backend';
import { ROW_FIELDS, ROW_POSITION, ROW_TOKEN } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import type { Checkpoint } from '../../src/lm/checkpoint';
import { parseModelConfig, type ModelConfig } from '../../src/lm/config';
import { buildGraph, type Graph } from '../../src/lm/graph';
import type { LoraAdapter, LoraPair } from '../../src/lm/lora/adapter';
import { mergedCheckpoint } from '../../src/lm/lora/merge';
import { LORA_MODULES, moduleShape, type LoraModule } from '../../src/lm/lora/modules';
import { readPeftAdapter } from '../../src/lm/lora/read-peft';
import { Random } from '../../src/lm/random';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { loadWeights } from '../../src/lm/weights';
import { loadGolden, maxDifference, readRows } from './engine-suite';
import { goldensFolder, readJson, readTensors, type GoldenTensor } from './read-tensors';

const TOLERANCE = 1e-4;
const CAPACITY = 64;

const fileSource = async (...path: string[]): Promise<ReturnType<typeof bytesSource>> =>
  bytesSource(path.join('/'), await readFile(join(goldensFolder, ...path)));

/** The graph alone, one slot, computing a sequence from its beginning. */
class Forward {
  readonly graph: Graph;
  readonly #backend: Backend;
  readonly #owned: readonly { dispose(): void }[];
  readonly #vocabSize: number;

  private constructor(backend: Backend, graph: Graph, owned: readonly { dispose(): void }[], vocabSize: number) {
    this.#backend = backend;
    this.graph = graph;
    this.#owned = owned;
    this.#vocabSize = vocabSize;
  }

  static async load(backend: Backend, config: ModelConfig, checkpoint: Checkpoint): Promise<Forward> {
    const owned: Tensor[] = [];
    const allocate: Backend['tensor'] = (label, shape, dtype) => {
      const tensor = backend.tensor(label, shape, dtype);
      owned.push(tensor);
      return tensor;
    };
    const weights = await loadWeights(backend, allocate, config, checkpoint, {});
    const sizes = { slots: 1, capacity: CAPACITY, stepRows: CAPACITY, headRows: CAPACITY };
    const graph = buildGraph(backend, allocate, config, weights, sizes);
    await backend.ready();
    return new Forward(backend, graph, [...owned, graph.rows, graph.headRows, graph.adapters], config.vocabSize);
  }

  /** Logits of every position, `[tokens.length, vocabSize]`. */
  async logits(tokens: readonly number[], adapter?: string): Promise<Float32Array> {
    const { rows, rowTable, headRows, selected, head, logits } = this.graph;
    const table = new Uint32Array(tokens.length * ROW_FIELDS);
    tokens.forEach((token, i) => {
      table[i * ROW_FIELDS + ROW_TOKEN] = token;
      table[i * ROW_FIELDS + ROW_POSITION] = i;
    });
    this.#backend.write(rowTable, table);
    this.#backend.write(
      selected,
      Uint32Array.from(tokens, (_, i) => i),
    );
    rows.value = headRows.value = tokens.length;
    rows.oneSequence = true;
    const program = [...this.graph.program(adapter), ...head];
    const read = { tensor: logits, count: tokens.length * this.#vocabSize };
    const [result] = await this.#backend.run(program, [read]);
    return result ?? new Float32Array();
  }

  dispose(): void {
    for (const item of this.#owned) item.dispose();
  }
}

interface RandomPart {
  modules: readonly LoraModule[];
  rank: number;
  alpha: number;
}

/** Small random matrices for the modules of every second layer from `first` on. */
function randomAdapter(config: ModelConfig, seed: number, parts: readonly RandomPart[], first = 0): LoraAdapter {
  const random = new Random(seed);
  const values = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => (random.uniform() - 0.5) / 4);
  const pairs: LoraPair[] = [];
  for (let layer = first; layer < config.layers; layer += 2) {
    for (const { modules, rank, alpha } of parts) {
      for (const module of modules) {
        const { inputs, outputs } = moduleShape(config, module);
        const matrices = { down: values(rank * inputs), up: values(outputs * rank) };
        pairs.push({ layer, module, rank, alpha, ...matrices });
      }
    }
  }
  return { rankStabilised: seed % 2 === 1, baseModel: undefined, pairs };
}

export function describeAdapters(makeBackend: () => Promise<Backend>): void {
  let backend: Backend;
  let config: ModelConfig;
  let checkpoint: Checkpoint;
  let model: Forward;
  let golden: LoraAdapter;
  const tokens = [7, 3, 90, 41, 5, 5, 12, 200, 33, 8, 101];
  beforeAll(async () => {
    backend = await makeBackend();
    config = parseModelConfig(await readJson('qwen2-tiny', 'config.json'));
    checkpoint = await openSafetensorsCheckpoint([await fileSource('qwen2-tiny', 'model.safetensors')]);
    model = await Forward.load(backend, config, checkpoint);
    golden = await readPeftAdapter({
      config: await readJson('lora', 'adapter_config.json'),
      source: await fileSource('lora', 'adapter_model.safetensors'),
      model: config,
    });
  });
  afterAll(() => {
    model.dispose();
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it('reproduces the logits of PEFT at every position', async () => {
    await model.graph.adapters.add('golden', golden);
    const logits = (await readTensors('lora', 'forward.safetensors'))('logits');
    const [, length = 0, vocab = 0] = logits.shape;
    for (const row of await readRows('lora')) {
      const got = await model.logits(row.tokens, 'golden');
      const start = (row.row * length + row.first) * vocab;
      const want = logits.data.subarray(start, start + row.tokens.length * vocab);
      expect(got.length).toBe(want.length);
      expect(maxDifference(got, want)).toBeLessThan(TOLERANCE);
    }
    model.graph.adapters.remove('golden');
  });

  const cases: [string, number, RandomPart[]][] = [
    ['the queries and values', 2, [{ modules: ['q_proj', 'v_proj'], rank: 3, alpha: 6 }]],
    ['the keys alone, rank-stabilised', 3, [{ modules: ['k_proj'], rank: 5, alpha: 5 }]],
    ['the attention’s output', 4, [{ modules: ['o_proj'], rank: 1, alpha: 2 }]],
    ['the up projection alone', 5, [{ modules: ['up_proj'], rank: 8, alpha: 4 }]],
    ['the down projection', 6, [{ modules: ['down_proj'], rank: 2, alpha: 3 }]],
    [
      'all seven, with other ranks and factors in places',
      7,
      [
        { modules: ['q_proj', 'k_proj', 'o_proj', 'gate_proj', 'down_proj'], rank: 4, alpha: 8 },
        { modules: ['v_proj'], rank: 6, alpha: 5 },
        { modules: ['up_proj'], rank: 4, alpha: -3 },
      ],
    ],
  ];

  it.each(cases)('on %s gives what the merged weights give', async (_, seed, parts) => {
    const adapter = randomAdapter(config, seed, parts, seed % 2);
    await model.graph.adapters.add('random', adapter);
    const got = await model.logits(tokens, 'random');
    model.graph.adapters.remove('random');
    const merged = await Forward.load(backend, config, mergedCheckpoint(checkpoint, adapter));
    const want = await merged.logits(tokens);
    merged.dispose();
    expect(maxDifference(got, want)).toBeLessThan(TOLERANCE);
    // The adapter must matter, or the comparison would say nothing.
    expect(maxDifference(got, await model.logits(tokens))).toBeGreaterThan(100 * TOLERANCE);
  });

  describe('in a loaded model', () => {
    it('scores tokens as PEFT does, beside the base in the same batch', async () => {
      const loaded = await loadGolden(backend, 'qwen2-tiny', CAPACITY);
      await loaded.addAdapter('golden', golden);
      const logprobsOf = async (folder: string): Promise<GoldenTensor> =>
        (await readTensors(folder, 'forward.safetensors'))('logprobs');
      const wanted = { adapted: await logprobsOf('lora'), base: await logprobsOf('qwen2-tiny') };
      const [, length = 0] = wanted.base.shape;
      for (const row of await readRows('lora')) {
        const [adapted, base] = await Promise.all([
          loaded.scoreTokens(row.tokens, { adapter: 'golden' }),
          loaded.scoreTokens(row.tokens),
        ]);
        const start = row.row * length + row.first;
        const of = (tensor: GoldenTensor): GoldenTensor['data'] =>
          tensor.data.subarray(start, start + row.tokens.length - 1);
        expect(maxDifference(adapted, of(wanted.adapted))).toBeLessThan(TOLERANCE);
        expect(maxDifference(base, of(wanted.base))).toBeLessThan(TOLERANCE);
      }
      loaded.dispose();
    });
  });

  describe('several at once', () => {
    it('are switched without a trace of each other, and leave the base as it is', async () => {
      const { adapters } = model.graph;
      const base = await model.logits(tokens);
      const modules = LORA_MODULES;
      await Promise.all([
        adapters.add('first', randomAdapter(config, 11, [{ modules, rank: 4, alpha: 8 }])),
        adapters.add('second', randomAdapter(config, 12, [{ modules: ['gate_proj'], rank: 2, alpha: 4 }])),
        adapters.add('golden', golden),
      ]);
      const alone = new Map<string, Float32Array>();
      for (const id of ['first', 'second', 'golden']) alone.set(id, await model.logits(tokens, id));
      for (const id of ['golden', 'first', undefined, 'second', 'first', undefined]) {
        const want = id === undefined ? base : alone.get(id)!;
        expect(await model.logits(tokens, id)).toEqual(want);
      }
      expect([...adapters.all.keys()].sort()).toEqual(['first', 'golden', 'second']);
      for (const id of ['first', 'second', 'golden']) adapters.remove(id);
    });

    it('give their memory back one by one', async () => {
      const { adapters } = model.graph;
      const before = backend.liveBytes;
      await adapters.add('golden', golden);
      const one = backend.liveBytes;
      const gateUp = 4 * CAPACITY * 2 * config.intermediateSize;
      expect(one - before).toBe((adapters.all.get('golden')?.bytes ?? 0) + gateUp);
      await adapters.add('twin', golden);
      expect(backend.liveBytes - one).toBe(adapters.all.get('twin')?.bytes);
      adapters.remove('golden');
      expect(backend.liveBytes).toBe(one);
      adapters.remove('twin');
      adapters.remove('never there');
      expect(backend.liveBytes).toBe(before);
    });

    it('need an id each, and one that is there', async () => {
      const { adapters } = model.graph;
      await adapters.add('golden', golden);
      await expect(adapters.add('golden', golden)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      adapters.remove('golden');
      expect(() => model.graph.program('golden')).toThrow(
        expect.objectContaining({ code: 'NOT_FOUND' }) as Error,
      );
    });

    it('refuse what was made for another model, and keep nothing of it', async () => {
      const before = backend.liveBytes;
      const other = { ...config, intermediateSize: config.intermediateSize + 4 };
      const adapter = randomAdapter(other, 1, [{ modules: LORA_MODULES, rank: 4, alpha: 8 }]);
      await expect(model.graph.adapters.add('other', adapter)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect(backend.liveBytes).toBe(before);
    });
  });
}
