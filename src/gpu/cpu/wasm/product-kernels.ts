import { AppError } from '../../../protocol/errors';
import { GROUP, GROUP_BYTES } from '../../blocks';
import type { Kernels } from '../kernels';
import { addressOf, F32, type Exports } from './exports';

const HALF = 2;

export function productKernels(run: Exports): Pick<Kernels, 'addProduct' | 'widen'> {
  return {
    addProduct(y, x, w, { rows, columns, depth }) {
      const [xDepth, wDepth] = [x.depthStride ?? 1, w.depthStride ?? 1];
      const [yAt, xAt, wAt] = [y, x, w].map(({ of, start }) => addressOf(of, start));
      const [ys, xs] = [F32 * y.rowStride, F32 * x.rowStride];
      if (wDepth === 1 && xDepth === 1) {
        run.dotProduct(yAt!, ys, xAt!, xs, wAt!, F32 * w.rowStride, rows, columns, depth);
      } else if (w.rowStride === 1) {
        run.outerProduct(yAt!, ys, xAt!, xs, F32 * xDepth, wAt!, F32 * wDepth, rows, columns, depth);
      } else {
        throw new AppError('INTERNAL', 'No kernel multiplies matrices that lie like these.');
      }
    },

    widen({ type, values, scales, scaleStride, columns }, first, count, out, at) {
      const to = addressOf(out, at);
      if (type === 'f32') {
        const bytes = new Uint8Array(out.array.buffer);
        const from = values.address + F32 * first * columns;
        bytes.copyWithin(to, from, from + F32 * count * columns);
      } else if (type === 'f16') {
        run.widenHalves(values.address + HALF * first * columns, to, count * columns);
      } else {
        const groups = columns / GROUP;
        const widen = type === 'q8' ? run.widenQ8 : run.widenQ4;
        for (let row = 0; row < count; row += 1) {
          const from = values.address + (first + row) * groups * GROUP_BYTES[type];
          const scale = scales.address + HALF * (first + row) * scaleStride;
          widen(from, scale, to + F32 * row * columns, groups);
        }
      }
    },
  };
}
