import { dequantiseGroups, GROUP } from '../blocks';
import { halfValues } from '../half';
import { addBlockProduct } from './block-product';
import type { Kernels, MatrixView } from './kernels';
import { arraysOf, plainMemory } from './memory';
import {
  exponentialSums,
  gate,
  gateGradient,
  logitGradient,
  normGradient,
  rmsNorm,
  softmax,
} from './plain-rows';
import { addProduct, type PlainMatrix } from './product';
import { adamW } from './training/optimiser';

/** The loops in plain TypeScript, which sum in f64, on arrays wherever they lie. */
export const plainLoops: Omit<Kernels, 'addFromBlocks'> = {
  name: 'plain TypeScript',
  memory: plainMemory,

  addProduct(y, x, w, shape) {
    const left = (x.depthStride ?? 1) === 1 ? plain(x) : transposed(x, shape.rows, shape.depth);
    addProduct(plain(y), left, plain(w), w.depthStride ?? 1, shape);
  },

  widen(weight, first, count, out, at) {
    const { values, scales, columns, scaleStride, type } = weight;
    const { array } = values;
    if (array instanceof Float32Array) {
      out.array.set(array.subarray(first * columns, (first + count) * columns), at);
    } else if (array instanceof Uint16Array) {
      const halves = halfValues();
      const from = first * columns;
      for (let i = 0; i < count * columns; i += 1) out.array[at + i] = halves[array[from + i]!]!;
    } else if (array instanceof Uint8Array && (type === 'q8' || type === 'q4')) {
      const groups = columns / GROUP;
      for (let row = first; row < first + count; row += 1) {
        const to = at + (row - first) * columns;
        const scale = row * scaleStride;
        dequantiseGroups(type, array, row * groups, groups, scales.array, scale, out.array, to);
      }
    }
  },

  rmsNorm,
  normGradient,
  gate: (both, output, rows, width) => {
    gate(both.array, output.array, rows, width);
  },
  gateGradient: (both, outputGradient, inputGradient, rows, width) => {
    gateGradient(both.array, outputGradient.array, inputGradient.array, rows, width);
  },
  softmax: (scores, start, count, width, scale) => softmax(scores.array, start, count, width, scale),

  scoreGradient({ array: p }, { array: dS }, start, count, delta, scale) {
    for (let i = start; i < start + count; i += 1) dS[i] = p[i]! * (dS[i]! - delta) * scale;
  },

  exponentialSums: (logits, start, count, scale) => exponentialSums(logits.array, start, count, scale),
  logitGradient: (logits, start, count, slopes) => {
    logitGradient(logits.array, start, count, slopes);
  },
  adamW: (views) => {
    adamW(arraysOf(views));
  },
};

export const plainKernels: Kernels = {
  ...plainLoops,

  addFromBlocks(y, yStart, x, xStart, weight, outputs) {
    const { type, columns, scaleStride: stride } = weight;
    const values = weight.values.array;
    if (!(values instanceof Uint8Array) || (type !== 'q8' && type !== 'q4')) return 0;
    const matrix = { type, values, scales: weight.scales.array, stride, columns };
    return addBlockProduct(y.array, yStart, x.array, xStart, matrix, outputs);
  },
};

const plain = ({ of, start, rowStride }: MatrixView): PlainMatrix => ({ array: of.array, start, rowStride });

function transposed(view: MatrixView, rows: number, depth: number): PlainMatrix {
  const { of, start, rowStride, depthStride = 1 } = view;
  const from = of.array;
  const array = new Float32Array(rows * depth);
  for (let k = 0; k < depth; k += 1) {
    for (let row = 0; row < rows; row += 1) {
      array[row * depth + k] = from[start + row * rowStride + k * depthStride]!;
    }
  }
  return { array, start: 0, rowStride: depth };
}
