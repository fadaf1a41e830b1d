import { describe, expect, it } from 'vitest';
import { readTensors } from '../../../tests/goldens/read-tensors';
import type { Backend, DType, Tensor } from '../backend';
import { dequantise, quantise } from '../blocks';
import { halfValues, toHalves } from '../half';
import { CpuBackend } from './backend';

const golden = await readTensors('quant', 'quant.safetensors');
const weight = Float32Array.from(golden('weight').data);
const x = Float32Array.from(golden('x').data);
const [outputs, inputs, rows] = [96, 128, 5];

function place(backend: Backend, dtype: DType, label = 'weight'): Tensor {
  const tensor = backend.tensor(label, [outputs, inputs], dtype);
  if (dtype === 'q8' || dtype === 'q4') backend.writeBlocks(tensor, quantise(dtype, weight));
  else backend.write(tensor, dtype === 'f16' ? toHalves(weight) : weight);
  return tensor;
}

/** The weight as f32, as the type holds it. */
function held(dtype: DType): Float32Array {
  if (dtype === 'q8' || dtype === 'q4') return dequantise(dtype, quantise(dtype, weight));
  if (dtype === 'f16')
    return toHalves(weight).reduce(
      (out, half, i) => out.fill(halfValues()[half] ?? NaN, i, i + 1),
      new Float32Array(weight.length),
    );
  return weight;
}

async function product(backend: CpuBackend, dtype: DType, used: number): Promise<Float32Array> {
  const extent = backend.extent(rows);
  const input = backend.tensor('x', [rows, inputs]);
  backend.write(input, x);
  const output = backend.tensor('y', [rows, outputs]);
  const operation = backend.operations.linear({ rows: extent, input, weight: place(backend, dtype), output });
  extent.value = used;
  const [y] = await backend.run([operation], [{ tensor: output, count: used * outputs }]);
  backend.dispose();
  expect(backend.liveBytes).toBe(0);
  return y ?? new Float32Array(0);
}

describe.each([
  ['in WebAssembly', {}],
  ['in plain TypeScript', { kernels: 'plain' as const }],
])('the CPU backend %s', (_, kernels) => {
  it.each([
    ['f32', 'y_f32', 1e-5],
    ['q8', 'q8_0.y', 1e-4],
    ['q4', 'q4_0.y', 1e-4],
  ] as const)('multiplies by a weight in %s as the goldens do', async (dtype, name, tolerance) => {
    const want = Float32Array.from(golden(name).data);
    const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const used of [1, 2, rows]) {
      const y = await product(new CpuBackend(kernels), dtype, used);
      y.forEach((value, i) => expect(Math.abs(value - (want[i] ?? NaN))).toBeLessThan(tolerance * largest));
    }
  });

  it.each(['q8', 'q4'] as const)('multiplies odd numbers of columns in %s as dequantised', async (type) => {
    const [odd, width] = [7, 96];
    const values = Float32Array.from({ length: odd * width }, (_, i) => Math.sin(i * i));
    const blocks = quantise(type, values);
    const backend = new CpuBackend(kernels);
    const extent = backend.extent(5);
    const input = backend.tensor('x', [5, width]);
    backend.write(
      input,
      Float32Array.from({ length: 5 * width }, (_, i) => Math.cos(i * 1.7)),
    );
    const quantised = backend.tensor('w', [odd, width], type);
    backend.writeBlocks(quantised, blocks);
    const plain = backend.tensor('w', [odd, width]);
    backend.write(plain, dequantise(type, blocks));
    const [a, b] = [backend.tensor('a', [5, odd]), backend.tensor('b', [5, odd])];
    const { linear } = backend.operations;
    const pair = [
      linear({ rows: extent, input, weight: quantised, output: a }),
      linear({ rows: extent, input, weight: plain, output: b }),
    ];
    for (const used of [1, 2, 3, 5]) {
      extent.value = used;
      const count = used * odd;
      const [got, want] = await backend.run(pair, [
        { tensor: a, count },
        { tensor: b, count },
      ]);
      got?.forEach((value, i) => expect(value).toBeCloseTo(want?.[i] ?? NaN, 5));
      expect(got).toHaveLength(count);
    }
  });

  it.each(['f32', 'f16', 'q8', 'q4'] as const)('embeds tokens from a table in %s', async (dtype) => {
    const backend = new CpuBackend(kernels);
    const extent = backend.extent(2);
    const table = place(backend, dtype);
    const rowTable = backend.tensor('rows', [2, 4], 'u32');
    backend.write(rowTable, Uint32Array.of(95, 0, 0, 0, 11, 0, 0, 0));
    const output = backend.tensor('y', [2, inputs]);
    extent.value = 2;
    const operation = backend.operations.embed({ rows: extent, table, rowTable, output });
    const [y] = await backend.run([operation], [{ tensor: output, count: 2 * inputs }]);
    const want = held(dtype);
    expect(y).toEqual(
      Float32Array.of(...want.subarray(95 * inputs), ...want.subarray(11 * inputs, 12 * inputs)),
    );
  });

  it.each([
    ['f16', 96 * 256],
    ['q8', 96 * (128 + 8)],
    ['q4', 96 * (64 + 8)],
  ] as const)('counts a weight in %s with its bytes', (dtype, bytes) => {
    const backend = new CpuBackend(kernels);
    const tensor = place(backend, dtype);
    expect(tensor.bytes).toBe(bytes);
    expect(backend.liveBytes).toBe(bytes);
    tensor.dispose();
    expect(backend.liveBytes).toBe(0);
  });

  it('writes blocks row by row, with an odd number of groups a row', async () => {
    const backend = new CpuBackend(kernels);
    const table = backend.tensor('table', [3, 96], 'q4');
    const floats = Float32Array.from({ length: 3 * 96 }, (_, i) => Math.sin(i));
    for (const row of [2, 0, 1]) {
      backend.writeBlocks(table, quantise('q4', floats.slice(row * 96, (row + 1) * 96)), row);
    }
    const extent = backend.extent(3);
    extent.value = 3;
    const rowTable = backend.tensor('rows', [3, 4], 'u32');
    backend.write(rowTable, Uint32Array.of(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0));
    const output = backend.tensor('y', [3, 96]);
    const operation = backend.operations.embed({ rows: extent, table, rowTable, output });
    const [y] = await backend.run([operation], [{ tensor: output, count: 3 * 96 }]);
    expect(y).toEqual(dequantise('q4', quantise('q4', floats)));
  });

  it('refuses data of another type than the tensor, and shapes that a type cannot have', () => {
    const backend = new CpuBackend(kernels);
    const f16 = backend.tensor('half', [2, 4], 'f16');
    expect(() => backend.write(f16, new Float32Array(8))).toThrow(/half is f16/);
    expect(() => backend.write(f16, new Uint16Array(3))).toThrow(/pairs/);
    expect(() => backend.write(f16, new Uint16Array(8), 2)).toThrow(/do not fit/);
    const q4 = backend.tensor('blocks', [2, 64], 'q4');
    expect(() => backend.writeBlocks(q4, quantise('q8', new Float32Array(64)))).toThrow(/whole rows/);
    expect(() => backend.writeBlocks(q4, quantise('q4', new Float32Array(64)), 2)).toThrow(/do not fit/);
    expect(() => backend.writeBlocks(f16, quantise('q4', new Float32Array(64)))).toThrow(/half is f16/);
    for (const [dtype, shape] of [
      ['q4', [2, 33]],
      ['q8', [64]],
      ['f16', [3, 5]],
    ] as const) {
      expect(() => backend.tensor('odd', shape, dtype)).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED' }),
      );
    }
  });

  it('writes into the middle of a wider output, scaled, and adds to what is there', async () => {
    const backend = new CpuBackend(kernels);
    const extent = backend.extent(2);
    extent.value = 2;
    const input = backend.tensor('x', [2, 2]);
    backend.write(input, Float32Array.of(1, 2, 3, 4));
    const matrix = backend.tensor('w', [2, 2]);
    backend.write(matrix, Float32Array.of(1, 0, 1, 1));
    const bias = backend.tensor('b', [2]);
    backend.write(bias, Float32Array.of(0.25, 0.5));
    const output = backend.tensor('y', [2, 5]);
    backend.write(output, new Float32Array(10).fill(100));
    const base = { rows: extent, input, weight: matrix, bias, output, outputColumn: 2, scale: 10 };
    const { linear } = backend.operations;
    const read = [{ tensor: output, count: 10 }];
    const [first] = await backend.run([linear(base)], read);
    expect([...(first ?? [])]).toEqual([100, 100, 10.25, 30.5, 100, 100, 100, 30.25, 70.5, 100]);
    const [second] = await backend.run([linear({ ...base, accumulate: true })], read);
    expect([...(second ?? [])]).toEqual([100, 100, 20.5, 61, 100, 100, 100, 60.5, 141, 100]);
    expect(() => linear({ ...base, outputColumn: 4 })).toThrow(/no 2 columns from 4/);
  });

  it('normalises each head of queries and keys, and leaves values and the heads without a weight', async () => {
    const backend = new CpuBackend(kernels);
    const extent = backend.extent(1);
    extent.value = 1;
    const projections = backend.tensor('p', [1, 8]);
    const [queryWeight, keyWeight] = [backend.tensor('q', [2]), backend.tensor('k', [2])];
    backend.write(queryWeight, Float32Array.of(1, 2));
    backend.write(keyWeight, Float32Array.of(4, 4));
    const heads = { queryHeads: 2, keyValueHeads: 1, headSize: 2 };
    const both = { rows: extent, heads, projections, queryWeight, keyWeight, epsilon: 0 };
    const run = async (argument: typeof both | Omit<typeof both, 'queryWeight'>): Promise<number[]> => {
      backend.write(projections, Float32Array.of(7, 1, 0, 3, 1, -1, 5, 6));
      const [y] = await backend.run(
        [backend.operations.headNorm(argument)],
        [{ tensor: projections, count: 8 }],
      );
      return [...(y ?? [])].map((value) => Math.round(value * 1e4) / 1e4);
    };
    expect(await run(both)).toEqual([1.4, 0.4, 0, 2.8284, 4, -4, 5, 6]);
    const { queryWeight: _, ...keysOnly } = both;
    expect(await run(keysOnly)).toEqual([7, 1, 0, 3, 4, -4, 5, 6]);
  });

  it('gates what gatedLinear would have gated', async () => {
    const backend = new CpuBackend(kernels);
    const extent = backend.extent(1);
    extent.value = 1;
    const input = backend.tensor('x', [1, 4]);
    backend.write(input, Float32Array.of(0, 1, 5, 3));
    const output = backend.tensor('y', [1, 2]);
    const [y] = await backend.run(
      [backend.operations.gate({ rows: extent, input, output })],
      [{ tensor: output, count: 2 }],
    );
    expect(y?.[0]).toBe(0);
    expect(y?.[1]).toBeCloseTo(3 / (1 + Math.exp(-1)), 6);
  });
});
