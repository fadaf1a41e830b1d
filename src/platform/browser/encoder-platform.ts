import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import { systemClock } from '../clock';

export interface BrowserEncoderOptions {
  /** Folder of ONNX Runtime's WebAssembly files, with a slash at the end. */
  wasmFolder?: string;
  /** Folder of the models that come with the page, with a slash at the end. */
  localModels?: string;
}

let library: Promise<TransformersLibrary> | undefined;

/** The library would take the runtime's WebAssembly from a CDN; it is served with the page. */
async function importLibrary(wasmFolder: string): Promise<TransformersLibrary> {
  const imported = await import('@huggingface/transformers');
  const { wasm } = imported.env.backends.onnx;
  const build = new URL(`${wasmFolder}ort-wasm-simd-threaded.asyncify`, globalThis.location.href).href;
  if (wasm) wasm.wasmPaths = { mjs: `${build}.mjs`, wasm: `${build}.wasm` };
  return imported;
}

async function refuseWebGpu(insisted: boolean): Promise<string | null> {
  const gpu = (navigator as Partial<Navigator>).gpu;
  if (!gpu) return 'This browser has no WebGPU.';
  const adapter = await gpu.requestAdapter();
  if (!adapter) return 'The browser found no WebGPU adapter.';
  const { info } = adapter;
  const software =
    info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${info.architecture} ${info.description}`);
  return software && !insisted ? 'The only WebGPU adapter is a software one, slower than WASM.' : null;
}

/** Encoders in a browser's worker. */
export function browserEncoderPlatform(options: BrowserEncoderOptions = {}): EncoderPlatform {
  const { wasmFolder = '/ort/', localModels = '/models/' } = options;
  return {
    importLibrary: () => (library ??= importLibrary(wasmFolder)),
    refuseWebGpu,
    wasm: { device: 'wasm' },
    localModels: new URL(localModels, globalThis.location.href).href,
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
  };
}
