/**
 * A checkpoint as safetensors files in Hugging Face's layout, row block by row block: with `mergedCheckpoint` around it, the model
 * with an adapter merged in. No tensor is ever in memory as a whole.
 */
import { AppError, throwIfAborted } from '../protocol/errors';
import { floatsOf, rowLength, type Checkpoint, type StoredTensor } from './checkpoint';
import {
  floatBytes,
  safetensorsHeader,
  writtenBytes,
  type WrittenTensor,
  type WrittenType,
} from './safetensors-writer';

export interface ExportOptions {
  /** Of every tensor. Default BF16, which released checkpoints have. */
  dtype?: WrittenType;
  /** Tensors of a file, at most, unless one alone is larger. Default 5 GB, as transformers has it. */
  maxFileBytes?: number;
}

export interface ExportedFile {
  path: string;
  bytes: number;
  /** Its content from the beginning, in pieces of a few megabytes. */
  parts(signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

const DEFAULT_FILE_BYTES = 5e9;
/** Largest piece, counted as f32. */
const PIECE_BYTES = 4 * 1024 * 1024;

interface Item {
  stored: StoredTensor;
  written: WrittenTensor;
}

async function* rowBlocks(
  { stored, written }: Item,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const rows = stored.shape[0] ?? 1;
  const step = Math.max(1, Math.floor(PIECE_BYTES / 4 / Math.max(1, rowLength(stored.shape))));
  for (let first = 0; first < rows; first += step) {
    throwIfAborted(signal);
    const count = Math.min(step, rows - first);
    yield floatBytes(floatsOf(await stored.readRows(first, count, signal)), written.dtype);
  }
}

function weightsFile(path: string, items: readonly Item[]): ExportedFile {
  const header = safetensorsHeader(items.map(({ written }) => written));
  const bytes = items.reduce((sum, { written }) => sum + writtenBytes(written), header.length);
  return {
    ...{ path, bytes },
    async *parts(signal) {
      yield header;
      for (const item of items) yield* rowBlocks(item, signal);
    },
  };
}

function textFile(path: string, json: unknown): ExportedFile {
  const content = new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
  return {
    ...{ path, bytes: content.length },
    // eslint-disable-next-line @typescript-eslint/require-await -- one piece, there already
    async *parts() {
      yield content;
    },
  };
}

/**
 * `model.safetensors`, or where that would be too large its shards and their index.
 * @throws AppError BAD_INPUT where there are no tensors; `parts` throws what reading the checkpoint throws, and ABORTED
 */
export function exportSafetensors(
  { tensors }: Checkpoint,
  { dtype = 'BF16', maxFileBytes = DEFAULT_FILE_BYTES }: ExportOptions = {},
): ExportedFile[] {
  const files: Item[][] = [];
  let total = 0;
  let inFile = Infinity;
  for (const stored of tensors.values()) {
    const written = { name: stored.name, dtype, shape: stored.shape };
    const size = writtenBytes(written);
    if (inFile + size > maxFileBytes) {
      files.push([]);
      inFile = 0;
    }
    files.at(-1)?.push({ stored, written });
    inFile += size;
    total += size;
  }
  const [only] = files;
  if (!only)
    throw new AppError('BAD_INPUT', 'There are no tensors to export.', { fix: 'Load a model first.' });
  if (files.length === 1) return [weightsFile('model.safetensors', only)];
  const number = (n: number): string => String(n).padStart(5, '0');
  const pathOf = (i: number): string => `model-${number(i + 1)}-of-${number(files.length)}.safetensors`;
  const places = files.flatMap((items, i) => items.map(({ written }) => [written.name, pathOf(i)] as const));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(places) };
  return [
    ...files.map((items, i) => weightsFile(pathOf(i), items)),
    textFile('model.safetensors.index.json', index),
  ];
}
