import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../lm/random';
import { addProduct } from './product';

it('is the plain triple sum for every shape and stride', () => {
  const size = fc.integer({ min: 1, max: 19 });
  fc.assert(
    fc.property(
      fc.record({ rows: size, columns: size, depth: size, transposed: fc.boolean(), seed: fc.nat() }),
      ({ rows, columns, depth, transposed, seed }) => {
        const random = new Random(seed);
        const fill = (count: number) => Float32Array.from({ length: count }, () => random.uniform() - 0.5);
        const x = fill(2 + rows * (depth + 1));
        const w = fill(3 + columns * depth);
        const y = fill(1 + rows * (columns + 2));
        const [rowStride, depthStride] = transposed ? [1, columns] : [depth, 1];
        const want = Float32Array.from(y);
        for (let m = 0; m < rows; m += 1) {
          for (let n = 0; n < columns; n += 1) {
            let sum = 0;
            for (let k = 0; k < depth; k += 1) {
              sum += x[2 + m * (depth + 1) + k]! * w[3 + n * rowStride + k * depthStride]!;
            }
            want[1 + m * (columns + 2) + n]! += sum;
          }
        }
        addProduct(
          { array: y, start: 1, rowStride: columns + 2 },
          { array: x, start: 2, rowStride: depth + 1 },
          { array: w, start: 3, rowStride },
          depthStride,
          { rows, columns, depth },
        );
        want.forEach((value, i) => expect(Math.abs(y[i]! - value)).toBeLessThan(1e-6));
      },
    ),
  );
});
