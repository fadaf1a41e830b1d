/** Reads the golden files, with code of its own: the reader under test must not vouch for itself. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const goldensFolder = import.meta.dirname;

export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array;
}

/** F16 as its bits. */
const VIEWS = { F32: Float32Array, I32: Int32Array, U8: Uint8Array, I8: Int8Array, F16: Uint16Array };

export async function readTensors(...path: string[]): Promise<(name: string) => GoldenTensor> {
  const file = await readFile(join(goldensFolder, ...path));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: keyof typeof VIEWS; shape: number[]; data_offsets: [number, number] }
  >;
  return (name) => {
    const entry = header[name];
    if (!entry) throw new Error(`${path.join('/')} has no tensor ${name}`);
    const [begin, end] = entry.data_offsets;
    const bytes = Uint8Array.from(file.subarray(8 + length + begin, 8 + length + end));
    return { shape: entry.shape, data: new VIEWS[entry.dtype](bytes.buffer) };
  };
}

export const readJson = async (...path: string[]): Promise<unknown> =>
  JSON.parse(await readFile(join(goldensFolder, ...path), 'utf8'));
