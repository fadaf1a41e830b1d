/** usearch in Node: its WebAssembly from the disk, and its native addon where that is installed. */
import { readFile } from 'node:fs/promises';

let compiled: Promise<WebAssembly.Module> | undefined;

/** The module that `HnswIndex` runs; compiled once. */
export function nodeUsearchModule(): Promise<WebAssembly.Module> {
  compiled ??= readFile(new URL('../../retrieval/usearch/usearch.wasm', import.meta.url)).then((bytes) =>
    WebAssembly.compile(new Uint8Array(bytes)),
  );
  return compiled;
}

export interface AddonOptions {
  dimensions: number;
  metric: 'ip' | 'cos' | 'l2sq';
  quantization: 'f32' | 'f16' | 'i8';
  connectivity: number;
  expansion_add: number;
  expansion_search: number;
  multi: boolean;
}

/** The parts of the npm package `usearch` that are used. Its batch search writes past its arrays (usearch 650): one query at a time. */
export interface AddonIndex {
  add(key: bigint | BigUint64Array, vector: Float32Array, threads?: number): void;
  search(vector: Float32Array, k: number, threads: number): { keys: BigUint64Array; distances: Float32Array };
  remove(key: bigint): number;
  size(): number;
  save(path: string): void;
  load(path: string): void;
  view(path: string): void;
}

/** Null where the addon is not installed, or not for this system: WebAssembly does the same then. */
export async function usearchAddon(): Promise<(new (options: AddonOptions) => AddonIndex) | null> {
  try {
    const { Index } = (await import('usearch')) as unknown as {
      Index: new (options: AddonOptions) => AddonIndex;
    };
    return Index;
  } catch {
    return null;
  }
}
