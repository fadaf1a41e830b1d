/** The CPU backend's loops in WebAssembly, four numbers at a time. Source: tools/wasm; sums are f32. */
import type { Kernels } from '../kernels';
import type { Exports } from './exports';
import { Heap } from './heap';
import { MODULE } from './module';
import { productKernels } from './product-kernels';
import { rowKernels } from './row-kernels';

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
    ...{ name: 'WASM SIMD', memory: new Heap(memory) },
    ...productKernels(run),
    ...rowKernels(run),
  };
}
