/** Every loop in WebAssembly against its twin in TypeScript, over all shapes: ends of rows are where vectors go wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../lm/random';
import { CpuBackend } from '../backend';
import type { Kernels, MatrixView } from '../kernels';
import type { Floats } from '../memory';
import { plainKernels } from '../plain-kernels';
import { wasmKernels } from './kernels';

const wasm = wasmKernels();
if (!wasm) throw new Error('This Node has no WebAssembly with vectors.');

type Fill = (count: number, make?: (random: Random) => number) => Floats;

/** What a case leaves in its arrays, on either side; the same numbers go in. */
function outcomes(
  kernels: Kernels,
  seed: number,
  run: (kernels: Kernels, fill: Fill) => readonly number[] | undefined,
) {
  const random = new Random(seed);
  const made: Floats[] = [];
  const fill: Fill = (count, make = (from) => from.uniform() * 2 - 1) => {
    const view = kernels.memory.allocate(Float32Array, count);
    for (let i = 0; i < count; i += 1) view.array[i] = make(random);
    made.push(view);
    return view;
  };
  const returned = run(kernels, fill) ?? [];
  const arrays = [...made.map(({ array }) => Array.from(array)), returned];
  for (const view of made) view.free();
  return arrays;
}

function expectTwins(
  seed: number,
  run: (kernels: Kernels, fill: Fill) => readonly number[] | undefined,
  tolerance = 1e-5,
): void {
  const want = outcomes(plainKernels, seed, run);
  const got = outcomes(wasm!, seed, run);
  want.forEach((values, which) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    values.forEach((value, i) => {
      const distance = Math.abs((got[which]?.[i] ?? NaN) - value);
      // Infinities are equal, and have no distance.
      if (got[which]?.[i] !== value)
        expect(distance / largest, `array ${which}, element ${i}`).toBeLessThan(tolerance);
    });
  });
}

const size = fc.integer({ min: 1, max: 21 });
const check = <T>(arbitrary: fc.Arbitrary<T>, run: (value: T) => void): void => {
  fc.assert(fc.property(arbitrary, run), { numRuns: 200 });
};

describe('products', () => {
  const shapes = fc.record({
    rows: size,
    columns: size,
    depth: size,
    gap: fc.integer({ min: 0, max: 3 }),
    seed: fc.nat(),
  });

  it('are the same for every shape and stride, and touch nothing beside their output', () => {
    const form = fc.constantFrom('dot', 'outer', 'outer, x transposed');
    check(fc.tuple(shapes, form), ([{ rows, columns, depth, gap, seed }, how]) => {
      expectTwins(seed, (kernels, fill) => {
        const y = { of: fill(rows * (columns + gap) + 2), start: 1, rowStride: columns + gap };
        const x: MatrixView =
          how === 'outer, x transposed'
            ? { of: fill(depth * (rows + gap) + 1), start: 1, rowStride: 1, depthStride: rows + gap }
            : { of: fill(rows * (depth + gap) + 1), start: 1, rowStride: depth + gap };
        const w: MatrixView =
          how === 'dot'
            ? { of: fill(columns * (depth + gap) + 3), start: 3, rowStride: depth + gap }
            : { of: fill(depth * (columns + gap) + 3), start: 3, rowStride: 1, depthStride: columns + gap };
        kernels.addProduct(y, x, w, { rows, columns, depth });
        return undefined;
      });
    });
  });

  it('are the same where sums and matrices are longer than a block', () => {
    for (const [rows, columns, depth] of [
      [3, 37, 700],
      [5, 250, 130],
      [66, 9, 515],
    ] as const) {
      expectTwins(rows, (kernels, fill) => {
        const y = { of: fill(rows * columns), start: 0, rowStride: columns };
        const x = { of: fill(rows * depth), start: 0, rowStride: depth };
        kernels.addProduct(
          y,
          x,
          { of: fill(columns * depth), start: 0, rowStride: depth },
          { rows, columns, depth },
        );
        const across = { of: fill(columns * depth), start: 0, rowStride: 1, depthStride: columns };
        kernels.addProduct(y, x, across, { rows, columns, depth });
        return undefined;
      });
    }
  });

  it('give a row the same bits however many rows are computed with it', () => {
    check(shapes, ({ rows, columns, depth, seed }) => {
      const random = new Random(seed);
      const fill = (count: number): Floats => {
        const view = wasm.memory.allocate(Float32Array, count);
        for (let i = 0; i < count; i += 1) view.array[i] = random.uniform() - 0.5;
        return view;
      };
      const x = fill(rows * depth);
      for (const w of [
        { of: fill(columns * depth), start: 0, rowStride: depth },
        { of: fill(columns * depth), start: 0, rowStride: 1, depthStride: columns },
      ]) {
        const [together, apart] = [0, 1].map(() => wasm.memory.allocate(Float32Array, rows * columns));
        const place = (of: Floats, row: number, rowStride: number): MatrixView => ({
          of,
          start: row * rowStride,
          rowStride,
        });
        wasm.addProduct(place(together!, 0, columns), place(x, 0, depth), w, { rows, columns, depth });
        for (let row = 0; row < rows; row += 1) {
          wasm.addProduct(place(apart!, row, columns), place(x, row, depth), w, { rows: 1, columns, depth });
        }
        expect(apart?.array).toEqual(together?.array);
        for (const view of [w.of, together, apart]) view?.free();
      }
      x.free();
    });
  });

  it('refuse matrices that lie across in both directions', () => {
    const of = wasm.memory.allocate(Float32Array, 16);
    const odd = { of, start: 0, rowStride: 2, depthStride: 2 };
    expect(() => wasm.addProduct(odd, odd, odd, { rows: 2, columns: 2, depth: 2 })).toThrow(/lie like these/);
  });
});

describe('loops over rows', () => {
  const rowsOf = fc.record({ rows: fc.integer({ min: 1, max: 4 }), width: size, seed: fc.nat() });

  it('norms and their gradients', () => {
    check(fc.tuple(rowsOf, fc.boolean(), fc.boolean()), ([{ rows, width, seed }, accumulate, wanted]) => {
      expectTwins(seed, (kernels, fill) => {
        const place = (of: Floats): MatrixView => ({ of, start: 1, rowStride: width + 2 });
        const make = (): MatrixView => place(fill(rows * (width + 2) + 1));
        const common = { weight: fill(width), rows, width, epsilon: 1e-3, input: make() };
        kernels.rmsNorm({ ...common, output: make() });
        const slopes = { outputGradient: make(), inputGradient: make() };
        const weightGradient = wanted ? fill(width) : undefined;
        kernels.normGradient({ ...common, ...slopes, accumulate, weightGradient });
        // In place.
        const both = make();
        const inPlace = { outputGradient: both, inputGradient: both, accumulate: false, weightGradient };
        kernels.normGradient({ ...common, ...inPlace });
        return undefined;
      });
    });
  });

  it('the gate and its gradient, also where e^x leaves f32', () => {
    check(fc.tuple(rowsOf, fc.constantFrom(1, 20, 300)), ([{ rows, width, seed }, reach]) => {
      expectTwins(seed, (kernels, fill) => {
        const both = fill(rows * 2 * width, (random) => (random.uniform() - 0.5) * reach);
        kernels.gate(both, fill(rows * width), rows, width);
        kernels.gateGradient(both, fill(rows * width), fill(rows * 2 * width), rows, width);
        return undefined;
      });
    });
  });

  it('softmax and what goes backwards through it', () => {
    const wide = fc.record({ count: size, rest: fc.integer({ min: 0, max: 9 }), seed: fc.nat() });
    check(fc.tuple(wide, fc.constantFrom(1, 30, 1000)), ([{ count, rest, seed }, reach]) => {
      expectTwins(seed, (kernels, fill) => {
        const width = count + rest;
        const scores = fill(width + 3, (random) => (random.uniform() - 0.5) * reach);
        const logSumExp = kernels.softmax(scores, 2, count, width, 0.3);
        kernels.scoreGradient(scores, fill(width + 3), 1, width, 0.2, 0.3);
        return [logSumExp];
      });
    });
  });

  it('sums over logits, some of them −∞, and the gradient by them', () => {
    const wide = fc.record({ count: fc.constantFrom(1, 2, 3, 4, 7, 64, 4095, 4096, 9001), seed: fc.nat() });
    fc.assert(
      fc.property(wide, fc.boolean(), ({ count, seed }, masked) => {
        expectTwins(seed, (kernels, fill) => {
          const logits = fill(count + 2, (random) =>
            masked && random.uniform() < 0.3 ? -Infinity : (random.uniform() - 0.5) * 30,
          );
          logits.array[1] = 3;
          const { maximum, sum, mixed } = kernels.exponentialSums(logits, 1, count, 0.8);
          const logSumExp = maximum * 0.8 + Math.log(sum);
          const slopes = { scale: 0.8, logSumExp, byLogProb: 0.7, byEntropy: -0.4, entropy: 1.1 };
          kernels.logitGradient(logits, 1, count, slopes);
          return [maximum, sum, mixed];
        });
      }),
      { numRuns: 40 },
    );
  });

  it('AdamW', () => {
    check(fc.tuple(size, fc.nat()), ([count, seed]) => {
      expectTwins(seed, (kernels, fill) => {
        const settings = fill(8);
        settings.array.set([0.01, 0.9, 0.999, 1e-8, 0.1, 0.19, 0.002, 0.7]);
        const [value, gradient, first] = [fill(count), fill(count), fill(count)];
        kernels.adamW({
          settings,
          value,
          gradient,
          first,
          second: fill(count, (random) => random.uniform()),
        });
        return undefined;
      });
    });
  });
});

it('e^x is right to two units in the last place wherever it is a normal number', () => {
  const count = 20_000;
  const values = wasm.memory.allocate(Float32Array, count);
  for (let i = 0; i < count; i += 1) values.array[i] = -87.3 + (87.3 * i) / (count - 1);
  const exact = values.array.map((value) => value);
  // The maximum is the last one, 0.
  wasm.softmax(values, 0, count, count, 1);
  const total = exact.reduce((sum, value) => sum + Math.exp(value), 0);
  exact.forEach((value, i) => {
    const want = Math.exp(value) / total;
    if (want > 2 ** -120) expect(Math.abs(values.array[i]! / want - 1)).toBeLessThan(1e-6);
  });
  values.free();
});

describe('widening', () => {
  it('of halves is exact for every bit pattern', () => {
    const halves = wasm.memory.allocate(Uint16Array, 65536);
    halves.array.forEach((_, i) => (halves.array[i] = i));
    const weight = { type: 'f16', values: halves, scales: halves, scaleStride: 0, columns: 2 } as const;
    const [got, want] = [wasm, plainKernels].map((kernels) => {
      const out = kernels.memory.allocate(Float32Array, 65536 + 2);
      kernels.widen(weight, 0, 32767, out, 1);
      kernels.widen(weight, 32767, 1, out, 65535);
      return Array.from(out.array);
    });
    expect(got).toEqual(want);
  });
});

describe('the choice of loops', () => {
  it('is WebAssembly unless the plain ones are asked for, and the backend says which', () => {
    expect(new CpuBackend().description.name).toBe('CPU (WASM SIMD)');
    expect(new CpuBackend({ kernels: 'plain' }).description.name).toBe('CPU (plain TypeScript)');
  });

  it('a disposed tensor cannot be computed with', async () => {
    const backend = new CpuBackend();
    const rows = backend.extent(1);
    rows.value = 1;
    const [input, weight, output] = [
      backend.tensor('x', [1, 4]),
      backend.tensor('w', [4, 4]),
      backend.tensor('y', [1, 4]),
    ];
    const operation = backend.operations.linear({ rows, input, weight, output });
    weight.dispose();
    await expect(backend.run([operation])).rejects.toThrow(/disposed of/);
  });
});
