/** Damaged and hostile model files: a typed error or a sound load, never a crash, a hang, or memory out of proportion to the file. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  madeCheckpoint,
  SMALL_QWEN,
  tensorsOf,
  valueAt,
  type ShapeConfig,
} from '../../../tests/models/made-checkpoint';
import { GGML, ggufMetadata, ggufName, madeGguf } from '../../../tests/models/made-gguf';
import { MemorySink } from '../../../tests/models/memory-sink';
import { AppError } from '../../protocol/errors';

/** Bytes of the largest buffer made since it was last set to 0. */
const made = { largest: 0 };
/** Bytes of values that a header can make whole without one buffer: texts and lists of them. */
const heapUsed = (): number => process.memoryUsage().heapUsed;

// In place before the modules under test are loaded, some of which keep the constructors.
for (const name of [
  'ArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Uint16Array',
  'Int16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
]) {
  const original = Reflect.get(globalThis, name) as new (...of: unknown[]) => { byteLength: number };
  vi.stubGlobal(
    name,
    new Proxy(original, {
      construct(target, of, self) {
        const result = Reflect.construct(target, of, self) as { byteLength: number };
        if (!(of[0] instanceof ArrayBuffer)) made.largest = Math.max(made.largest, result.byteLength);
        return result;
      },
    }),
  );
}

const { bytesSource } = await import('../byte-source');
const { CpuBackend } = await import('../../gpu/cpu/backend');
const { loadModel } = await import('../engine');
const { openSafetensorsCheckpoint } = await import('../safetensors');
const { FilesSource } = await import('../import/files-source');
const { importModel } = await import('../import/import-model');
const { openModel } = await import('../import/open-model');
const { openGgufModel } = await import('./gguf-checkpoint');
const { halfValues } = await import('../../gpu/half');

const CONFIG: ShapeConfig & { max_position_embeddings: number; rms_norm_eps: number; rope_theta: number } = {
  ...(SMALL_QWEN as ShapeConfig & {
    max_position_embeddings: number;
    rms_norm_eps: number;
    rope_theta: number;
  }),
  ...{
    hidden_size: 32,
    intermediate_size: 32,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    num_hidden_layers: 1,
  },
  vocab_size: 40,
};

/** mulberry32 */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const HOSTILE = [
  0n,
  1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 40n,
  65536n,
];
const NUMBERS = [
  '0',
  '-1',
  '1e308',
  '4294967296',
  '9007199254740993',
  '0.5',
  'null',
  '[]',
  '""',
  '{}',
  '1e-400',
];

/** One mutation in the first `head` bytes or, one time in five, anywhere. */
function mutate(bytes: Uint8Array, head: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = generator(seed);
  const copy = Buffer.from(bytes);
  const reach = random(5) === 0 ? copy.length : Math.min(head, copy.length);
  const at = random(reach);
  switch (random(6)) {
    case 0:
      return Uint8Array.from(copy.subarray(0, random(copy.length)));
    case 1:
      for (let flips = 1 + random(4); flips > 0; flips -= 1) copy[random(reach)]! ^= 1 << random(8);
      return Uint8Array.from(copy);
    case 2:
      if (at + 8 <= copy.length) copy.writeBigUInt64LE(HOSTILE[random(HOSTILE.length)]!, at);
      return Uint8Array.from(copy);
    case 3:
      return Uint8Array.from(
        Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + 1 + random(40)))]),
      );
    case 4:
      return Uint8Array.from(
        Buffer.concat([copy.subarray(0, at), copy.subarray(at, at + random(60)), copy.subarray(at)]),
      );
    default: {
      // A number of a JSON text becomes another.
      const text = copy.toString('latin1', 0, reach);
      const numbers = [...text.matchAll(/\d+/g)];
      const match = numbers[random(Math.max(1, numbers.length))];
      if (!match) return Uint8Array.from(copy);
      const end = match.index + match[0].length;
      const put = Buffer.from(NUMBERS[random(NUMBERS.length)]!);
      return Uint8Array.from(Buffer.concat([copy.subarray(0, match.index), put, copy.subarray(end)]));
    }
  }
}

/** What became of the files, by kind of outcome. */
type Tally = Record<string, number>;

async function survive(
  tally: Tally,
  size: number,
  open: () => Promise<() => Promise<unknown>>,
): Promise<void> {
  made.largest = 0;
  const heapBefore = heapUsed();
  const started = performance.now();
  let outcome: string;
  try {
    const load = await open();
    // Tables of texts count for the heap; collections in between only make this less.
    expect(heapUsed() - heapBefore).toBeLessThan(16e6);
    expect(made.largest).toBeLessThanOrEqual(2 * size);
    await load();
    outcome = 'sound';
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.fix).not.toBe('');
    expect(made.largest).toBeLessThanOrEqual(Math.max(2 * size, LOADED));
    outcome = error.code;
  }
  expect(performance.now() - started).toBeLessThan(MOST_MS);
  tally[outcome] = (tally[outcome] ?? 0) + 1;
}

/** The whole model as f32 with its cache, and then some: what a load that fails late may have made. */
const LOADED = 1 << 20;
const ROUNDS = 700;
/** A file is opened and computed in a few milliseconds; this is far above what a busy machine makes of that. */
const MOST_MS = 5000;

async function compute(
  config: unknown,
  checkpoint: Awaited<ReturnType<typeof openSafetensorsCheckpoint>>,
): Promise<void> {
  const backend = new CpuBackend();
  const model = await loadModel({ backend, config, checkpoint, maxContext: 8 });
  await model.allLogits([1, 2]);
  model.dispose();
}

let safetensors: Uint8Array;
let gguf: Uint8Array<ArrayBuffer>;
let pack: MemorySink;
beforeAll(async () => {
  halfValues(); // The one table that is made once and for all.
  const file = madeCheckpoint({ config: CONFIG, type: 'BF16' }).get('model.safetensors')!;
  safetensors = Uint8Array.from(file.read(0, file.size));
  const tensors = tensorsOf(CONFIG).map(({ name, shape }) => {
    const floats = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => valueAt(name, i));
    return { name: ggufName(name), shape, type: GGML.F32, bytes: new Uint8Array(floats.buffer) };
  });
  gguf = madeGguf(
    {
      ...ggufMetadata(CONFIG),
      'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
      'tokenizer.ggml.tokens': { type: 'strings', value: Array.from({ length: 40 }, (_, i) => `t${i}`) },
      'tokenizer.ggml.scores': { type: 'f32s', value: Array.from({ length: 40 }, (_, i) => i) },
      'tokenizer.ggml.merges': { type: 'strings', value: ['t 1'] },
    },
    tensors,
  );
  pack = new MemorySink();
  const files = new Map([
    ['config.json', new Blob([JSON.stringify(CONFIG)])],
    ['model.safetensors', new Blob([Uint8Array.from(safetensors)])],
    ['tokenizer.json', new Blob(['{"version":"1.0"}'])],
  ]);
  await importModel({ source: new FilesSource('m', files), sink: pack, weights: 'q4', shardBytes: 2048 });
});

it('buffers are watched while files are opened', async () => {
  made.largest = 0;
  await openGgufModel(bytesSource('model.gguf', gguf));
  // The forty scores.
  expect(made.largest).toBe(160);
});

describe(`${ROUNDS} mutations each are refused by name or loaded:`, () => {
  it('safetensors', async () => {
    const tally: Tally = {};
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const bytes = mutate(safetensors, 1800, seed);
      await survive(tally, bytes.length, async () => {
        const checkpoint = await openSafetensorsCheckpoint([bytesSource('model.safetensors', bytes)]);
        return () => compute(CONFIG, checkpoint);
      });
    }
    expect(tally['INTEGRITY']).toBeGreaterThan(ROUNDS / 3);
    expect(tally['sound']).toBeGreaterThan(ROUNDS / 50);
    expect(Object.keys(tally).sort()).toEqual(expect.arrayContaining(['BAD_INPUT', 'INTEGRITY', 'sound']));
  });

  it('GGUF', async () => {
    const tally: Tally = {};
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const bytes = mutate(gguf, 2600, seed + 1e6);
      await survive(tally, bytes.length, async () => {
        const model = await openGgufModel(bytesSource('model.gguf', bytes));
        return () => compute(model.config, model.checkpoint);
      });
    }
    expect(tally['INTEGRITY']).toBeGreaterThan(ROUNDS / 4);
    expect(tally['sound']).toBeGreaterThan(ROUNDS / 50);
  });

  it('the manifest and the shards of a pack', async () => {
    const tally: Tally = {};
    const paths = [...pack.files.keys()];
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const path = seed % 4 === 0 ? paths[(seed / 4) % paths.length]! : 'pack.json';
      const files = pack.blobs();
      const original = pack.files.get(path)!;
      files.set(path, new Blob([mutate(original, original.length, seed + 2e6)]));
      const size = [...files.values()].reduce((sum, blob) => sum + blob.size, 0);
      await survive(tally, size, async () => {
        const model = await openModel({ source: new FilesSource('pack', files) });
        return () => compute(model.config, model.checkpoint);
      });
    }
    expect(tally['INTEGRITY']).toBeGreaterThan(ROUNDS / 3);
    expect(tally['sound']).toBeGreaterThan(ROUNDS / 50);
  });

  it('config.json', async () => {
    const tally: Tally = {};
    const config = new TextEncoder().encode(JSON.stringify(CONFIG));
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const files = new Map([
        ['config.json', new Blob([mutate(config, config.length, seed + 3e6)])],
        ['model.safetensors', new Blob([Uint8Array.from(safetensors)])],
      ]);
      await survive(tally, safetensors.length, async () => {
        const model = await openModel({ source: new FilesSource('m', files) });
        return () => compute(model.config, model.checkpoint);
      });
    }
    expect(tally['BAD_INPUT']).toBeGreaterThan(ROUNDS / 10);
    expect(tally['sound']).toBeGreaterThan(ROUNDS / 20);
  });
});
