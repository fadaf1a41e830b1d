/** Brings the tensors of a checkpoint into a backend, in pieces, so that at most one piece is in memory. */
import type { Allocate, Backend, Tensor } from '../gpu/backend';
import { quantise } from '../gpu/blocks';
import { toHalves } from '../gpu/half';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { WeightType } from '../protocol/model-import';
import type { OnProgress } from '../protocol/retrieval';
import { floatsOf, isStoredFormat, refuseFormat, rowLength } from './checkpoint';
import type { Checkpoint, StoredRows, StoredTensor } from './checkpoint';
import type { ModelConfig } from './config';
import { slotType } from './weight-types';
import {
  mapTensors,
  weightTable,
  type LayerTensors,
  type ModelTensors,
  type WeightSlot,
} from './weights-table';

/** Largest piece, counted as f32. */
const PIECE_BYTES = 8 * 1024 * 1024;

export type LayerWeights = LayerTensors<Tensor>;
export type ModelWeights = ModelTensors<Tensor>;

export interface LoadWeightsOptions {
  /** Of the matrices. Default: as stored where the checkpoint has blocks, else f32. */
  weights?: WeightType | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** One tensor of the checkpoint and where its rows go. */
interface Job {
  destination: Tensor;
  firstRow: number;
  stored: StoredTensor;
}

/** @throws AppError BAD_INPUT if the tensor is missing or has another shape than the config says, UNSUPPORTED for its format */
export function findStored(
  { tensors }: Checkpoint,
  { name, shape }: WeightSlot['sources'][number],
): StoredTensor {
  const stored = tensors.get(name);
  if (!stored) {
    throw new AppError('BAD_INPUT', `The checkpoint has no tensor ${name}.`, {
      fix: 'Check that config.json and the weights belong together and that no file of the checkpoint is missing.',
    });
  }
  if (stored.shape.join() !== shape.join()) {
    const message = `${name} is [${stored.shape.join(', ')}] where config.json needs [${shape.join(', ')}].`;
    throw new AppError('BAD_INPUT', message, {
      fix: 'Check that config.json and the weights belong together.',
    });
  }
  return isStoredFormat(stored.format) ? stored : refuseFormat(stored);
}

/** Allocates the weights without filling them. */
export function allocateWeights(
  allocate: Allocate,
  table: ModelTensors<WeightSlot>,
  weights: WeightType | undefined,
  checkpoint?: Checkpoint,
): ModelTensors<{ slot: WeightSlot; tensor: Tensor }> {
  return mapTensors(table, (slot) => {
    const type = slotType(slot, weights, checkpoint);
    return { slot, tensor: allocate(slot.label, slot.shape, type) };
  });
}

/**
 * Allocates and fills all weights. Everything is checked before the first byte of data is read.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, OUT_OF_MEMORY, ABORTED; the caller frees what was allocated.
 */
export async function loadWeights(
  backend: Backend,
  allocate: Allocate,
  config: ModelConfig,
  checkpoint: Checkpoint,
  { weights, onProgress, signal }: LoadWeightsOptions,
): Promise<ModelWeights> {
  const table = weightTable(config);
  // Before anything is allocated: a missing tensor must not cost a gigabyte.
  mapTensors(table, ({ sources }) => sources.forEach((source) => findStored(checkpoint, source)));
  const allocated = allocateWeights(allocate, table, weights, checkpoint);
  await backend.ready();
  const jobs = new Map<string, Job>();
  mapTensors(allocated, ({ slot, tensor }) => {
    let firstRow = 0;
    for (const source of slot.sources) {
      jobs.set(source.name, { destination: tensor, firstRow, stored: findStored(checkpoint, source) });
      firstRow += source.shape[0] ?? 0;
    }
  });
  let total = 0;
  for (const { stored } of jobs.values()) total += stored.bytes;
  let done = 0;
  // In the checkpoint's order, which is the order of its files.
  for (const name of checkpoint.tensors.keys()) {
    const job = jobs.get(name);
    if (!job) continue;
    const { stored } = job;
    const rows = stored.shape[0] ?? 1;
    const atOnce = Math.max(1, Math.floor(PIECE_BYTES / 4 / rowLength(stored.shape)));
    for (let first = 0; first < rows; first += atOnce) {
      throwIfAborted(signal);
      const count = Math.min(atOnce, rows - first);
      write(backend, job, first, await stored.readRows(first, count, signal));
      onProgress?.({
        done: done + Math.round((stored.bytes * (first + count)) / rows),
        total,
        unit: 'bytes',
        label: name,
      });
    }
    done += stored.bytes;
  }
  await backend.ready();
  return mapTensors(allocated, ({ tensor }) => tensor);
}

function write(
  backend: Backend,
  { destination, firstRow, stored }: Job,
  first: number,
  rows: StoredRows,
): void {
  const row = firstRow + first;
  const element = row * rowLength(stored.shape);
  const { dtype } = destination;
  if (dtype === 'q8' || dtype === 'q4') {
    const same = rows.kind === 'blocks' && rows.type === dtype;
    backend.writeBlocks(destination, same ? rows.blocks : quantise(dtype, floatsOf(rows)), row);
  } else if (dtype === 'f16') {
    backend.write(destination, rows.kind === 'halves' ? rows.values : halvesOf(stored, rows), element);
  } else {
    backend.write(destination, floatsOf(rows), element);
  }
}

/** @throws AppError BAD_INPUT where a value is too large for f16 */
export function halvesOf({ name }: Pick<StoredTensor, 'name'>, rows: StoredRows): Uint16Array {
  const halves = toHalves(floatsOf(rows));
  if (!halves.some((half) => (half & 0x7c00) === 0x7c00)) return halves;
  throw new AppError(
    'BAD_INPUT',
    `${name} holds values that f16 cannot: they are above 65504 or no numbers.`,
    {
      fix: 'Load the model as f32, q8 or q4.',
    },
  );
}
