/** Writes a model in the hub's layout: config, tokenizer and safetensors, in as many files as it needs. Nothing is held but one piece. */
import { throwIfAborted } from '../../protocol/errors';
import { floatsOf, rowLength, type Checkpoint, type StoredTensor } from '../checkpoint';
import { parseModelConfig } from '../config';
import {
  floatBytes,
  safetensorsHeader,
  writtenBytes,
  type WrittenTensor,
  type WrittenType,
} from '../safetensors-writer';
import { findStored } from '../weights';
import { slotsOf, weightTable } from '../weights-table';

/** A file of an export. Its bytes come when they are asked for, so that they can be streamed to a disk or a download. */
export interface ExportedFile {
  path: string;
  bytes: number;
  parts(signal?: AbortSignal): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export interface SafetensorsExportOptions {
  config: Record<string, unknown>;
  /** With an adapter merged in: `mergedCheckpoint`. */
  checkpoint: Checkpoint;
  /** Default BF16, as the models are released. */
  type?: WrittenType;
  /** A file holds tensors up to here. Default 4 GB. */
  fileBytes?: number;
  /** Tokenizer, template and licences, as they are. */
  others?: readonly { path: string; bytes: Uint8Array<ArrayBuffer> }[];
}

const FILE_BYTES = 4e9;
/** Largest piece, counted as f32. */
const PIECE_BYTES = 8 * 1024 * 1024;
const TORCH_TYPE: Record<WrittenType, string> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

interface Placed extends WrittenTensor {
  stored: StoredTensor;
}

/** @throws AppError BAD_INPUT, UNSUPPORTED; while the parts are read also INTEGRITY and ABORTED */
export function safetensorsExport(options: SafetensorsExportOptions): ExportedFile[] {
  const { config, checkpoint, type = 'BF16', fileBytes = FILE_BYTES, others = [] } = options;
  const needed = new Map(
    slotsOf(weightTable(parseModelConfig(config))).flatMap(({ sources }) =>
      sources.map((source) => [source.name, findStored(checkpoint, source)] as const),
    ),
  );
  const groups: Placed[][] = [[]];
  let size = 0;
  // In the checkpoint's order, in which reading is cheapest.
  for (const name of checkpoint.tensors.keys()) {
    const stored = needed.get(name);
    if (!stored) continue;
    const tensor: Placed = { name, dtype: type, shape: stored.shape, stored };
    const bytes = writtenBytes(tensor);
    if (size > 0 && size + bytes > fileBytes) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(tensor);
    size += bytes;
  }
  const name = (index: number): string =>
    groups.length === 1
      ? 'model.safetensors'
      : `model-${five(index + 1)}-of-${five(groups.length)}.safetensors`;
  const files = groups.map((group, index) => weightsFile(name(index), group));
  if (groups.length > 1) files.push(indexFile(groups, name));
  const json = { ...config, torch_dtype: TORCH_TYPE[type] };
  return [
    textFile('config.json', json),
    ...others.map(({ path, bytes }) => wholeFile(path, bytes)),
    ...files,
  ];
}

const five = (value: number): string => String(value).padStart(5, '0');

function weightsFile(path: string, tensors: readonly Placed[]): ExportedFile {
  const header = safetensorsHeader(tensors);
  return {
    path,
    bytes: header.length + tensors.reduce((sum, tensor) => sum + writtenBytes(tensor), 0),
    async *parts(signal) {
      yield header;
      for (const { stored, shape, dtype } of tensors) {
        const rows = shape[0] ?? 1;
        const atOnce = Math.max(1, Math.floor(PIECE_BYTES / 4 / rowLength(shape)));
        for (let first = 0; first < rows; first += atOnce) {
          throwIfAborted(signal);
          const piece = await stored.readRows(first, Math.min(atOnce, rows - first), signal);
          yield floatBytes(floatsOf(piece), dtype);
        }
      }
    },
  };
}

function indexFile(groups: readonly Placed[][], name: (index: number) => string): ExportedFile {
  const entries = groups.flatMap((group, index) =>
    group.map((tensor) => [tensor.name, name(index)] as const),
  );
  const total = groups.flat().reduce((sum, tensor) => sum + writtenBytes(tensor), 0);
  return textFile('model.safetensors.index.json', {
    metadata: { total_size: total },
    weight_map: Object.fromEntries(entries),
  });
}

const textFile = (path: string, json: unknown): ExportedFile =>
  wholeFile(path, new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`));

function wholeFile(path: string, bytes: Uint8Array<ArrayBuffer>): ExportedFile {
  return {
    path,
    bytes: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- one part, without waiting
    async *parts() {
      yield bytes;
    },
  };
}
