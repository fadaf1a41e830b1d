/** Runs one operation on the WebGPU backend and on its CPU twin, over the same random numbers. */
import { expect } from 'vitest';
import type { Backend, DType, Extent, Operation, Tensor } from '../../src/gpu/backend';
import { quantise } from '../../src/gpu/blocks';
import { CpuBackend } from '../../src/gpu/cpu/backend';
import { toHalves } from '../../src/gpu/half';
import { Random } from '../../src/lm/random';

export interface Bench {
  backend: Backend;
  rows: Extent;
  /** Uniform in [−1, 1), the same on both backends. */
  random: (label: string, ...shape: number[]) => Tensor;
  /** A matrix in [−1, 1), rounded to a type of weight; with this seed always the same. */
  weight: (label: string, type: Exclude<DType, 'u32'>, rows: number, columns: number) => Tensor;
  integers: (label: string, values: readonly number[], ...shape: number[]) => Tensor;
}

export interface TwinCase {
  /** Builds the operation; returns what to compare. */
  build: (bench: Bench) => { operation: Operation; outputs: Tensor[] };
  maximumRows: number;
  /** Each is a run of its own, in this order, over what the last one left. */
  steps: { rows: number; oneSequence?: boolean; before?: (bench: Bench) => void }[];
  seed: number;
}

async function runOn(backend: Backend, twin: TwinCase): Promise<Float32Array[][]> {
  const random = new Random(twin.seed);
  const made: Tensor[] = [];
  const rows = backend.extent(twin.maximumRows);
  const make = (label: string, shape: number[], dtype: 'f32' | 'u32', data: (i: number) => number): Tensor => {
    const tensor = backend.tensor(label, shape, dtype);
    made.push(tensor);
    const count = shape.reduce((product, size) => product * size, 1);
    const values = dtype === 'u32' ? new Uint32Array(count) : new Float32Array(count);
    for (let i = 0; i < count; i += 1) values[i] = data(i);
    backend.write(tensor, values);
    return tensor;
  };
  const weight: Bench['weight'] = (label, type, count, columns) => {
    const tensor = backend.tensor(label, [count, columns], type);
    made.push(tensor);
    const values = Float32Array.from({ length: count * columns }, () => random.uniform() * 2 - 1);
    if (type === 'f32') backend.write(tensor, values);
    else if (type === 'f16') backend.write(tensor, toHalves(values));
    else {
      // In two parts, as a loader does.
      const half = Math.floor(count / 2);
      if (half > 0) backend.writeBlocks(tensor, quantise(type, values.subarray(0, half * columns)));
      backend.writeBlocks(tensor, quantise(type, values.subarray(half * columns)), half);
    }
    return tensor;
  };
  const bench: Bench = {
    weight,
    backend,
    rows,
    random: (label, ...shape) => make(label, shape, 'f32', () => random.uniform() * 2 - 1),
    integers: (label, values, ...shape) => make(label, shape, 'u32', (i) => values[i] ?? 0),
  };
  const { operation, outputs } = twin.build(bench);
  await backend.ready();
  const results: Float32Array[][] = [];
  for (const step of twin.steps) {
    step.before?.(bench);
    rows.value = step.rows;
    rows.oneSequence = step.oneSequence ?? false;
    const reads = outputs.map((tensor) => ({
      tensor,
      count: tensor.shape.reduce((product, size) => product * size, 1),
    }));
    results.push(await backend.run([operation], reads));
  }
  rows.dispose();
  for (const tensor of made) tensor.dispose();
  return results;
}

/** Largest error relative to the largest value of the tensor. */
export async function expectTwins(gpu: Backend, twin: TwinCase, tolerance = 1e-5): Promise<void> {
  const want = await runOn(new CpuBackend({ kernels: 'plain' }), twin);
  const got = await runOn(gpu, twin);
  want.forEach((tensors, step) => {
    tensors.forEach((expected, output) => {
      const actual = got[step]?.[output] ?? new Float32Array(0);
      let largest = 1e-3;
      let worst = 0;
      for (let i = 0; i < expected.length; i += 1) {
        const difference = Math.abs(actual[i]! - expected[i]!);
        if (!(difference <= worst)) worst = difference;
        largest = Math.max(largest, Math.abs(expected[i]!));
      }
      expect(actual.length).toBe(expected.length);
      expect(worst / largest, `step ${step}, output ${output}`).toBeLessThan(tolerance);
    });
  });
}
