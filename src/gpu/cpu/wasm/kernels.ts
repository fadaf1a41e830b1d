/** The CPU backend's loops in WebAssembly, four numbers at a time. Source: tools/wasm; sums are f32. */
import { AppError } from '../../../protocol/errors';
import type { Kernels, MatrixView } from '../kernels';
import { plainLoops } from '../plain-kernels';
import { Heap } from './heap';
import { MODULE } from './module';

/** What the module exports; addresses and strides in bytes. */
interface Exports {
  dotProduct(...of: number[]): void;
  outerProduct(...of: number[]): void;
}

const F32 = 4;
const place = ({ of, start }: MatrixView): number => of.address + F32 * start;

let compiled: WebAssembly.Module | null | undefined;

/** Null where this JavaScript engine lacks WebAssembly or its vectors, or the page's policy forbids it. */
function compile(): WebAssembly.Module | null {
  if (typeof WebAssembly !== 'object') return null;
  const bytes = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    return null;
  }
}

/** The loops with a memory of their own; undefined where they cannot run. @throws RangeError where there is no room */
export function wasmKernels(): Kernels | undefined {
  if (compiled === undefined) compiled = compile();
  if (!compiled) return undefined;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { exports } = new WebAssembly.Instance(compiled, { cpu: { memory } });
  const run = exports as unknown as Exports;

  return {
    ...plainLoops,
    name: 'WASM SIMD',
    memory: new Heap(memory),

    addProduct(y, x, w, { rows, columns, depth }) {
      const { depthStride: xDepth = 1 } = x;
      const { depthStride: wDepth = 1 } = w;
      const [ys, xs] = [F32 * y.rowStride, F32 * x.rowStride];
      if (wDepth === 1 && xDepth === 1) {
        run.dotProduct(place(y), ys, place(x), xs, place(w), F32 * w.rowStride, rows, columns, depth);
      } else if (w.rowStride === 1) {
        const shape = [rows, columns, depth];
        run.outerProduct(place(y), ys, place(x), xs, F32 * xDepth, place(w), F32 * wDepth, ...shape);
      } else {
        throw new AppError('INTERNAL', 'No kernel multiplies matrices that lie like these.');
      }
    },
  };
}
