import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { dirname, sep } from 'node:path';
import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import { systemClock } from '../clock';

export interface NodeEncoderOptions {
  /** Folder with the models that come with the project (`models/`). */
  localModels: string;
  /** Where downloads are kept. Default: nowhere; then only local models can be loaded. */
  cacheDir?: string;
  threads?: number;
}

let library: Promise<TransformersLibrary> | undefined;

/**
 * The library looks for an ONNX Runtime under this symbol before it asks for the native one, which is not installed: its
 * WebAssembly build runs in Node as well. The paths must be set first, or it would take the files from a CDN.
 */
async function importWithWasm(threads: number): Promise<TransformersLibrary> {
  const runtime = await import('onnxruntime-web');
  const entry = createRequire(import.meta.url).resolve('onnxruntime-web');
  runtime.env.wasm.wasmPaths = pathToFileURL(dirname(entry) + sep).href;
  runtime.env.wasm.numThreads = threads;
  Reflect.set(globalThis, Symbol.for('onnxruntime'), runtime);
  return import('@huggingface/transformers');
}

/** Encoders in Node: on the CPU through WebAssembly. */
export function nodeEncoderPlatform({
  localModels,
  cacheDir,
  threads = 1,
}: NodeEncoderOptions): EncoderPlatform {
  return {
    importLibrary: () => (library ??= importWithWasm(threads)),
    refuseWebGpu: () => Promise.resolve('ONNX Runtime has no WebGPU in Node without its native package.'),
    // The library knows no device when the runtime is handed in; the provider is then named directly.
    wasm: { device: 'auto', executionProviders: ['wasm'] },
    localModels: localModels.endsWith('/') || localModels.endsWith(sep) ? localModels : localModels + sep,
    ...(cacheDir === undefined ? {} : { cacheDir }),
    fetch: (input, init) => fetch(input, init),
    clock: systemClock,
  };
}
