/** A GGUF file as a checkpoint with a `config.json`: tensors by their Hugging Face names, rows in Hugging Face's order. */
import { AppError } from '../../protocol/errors';
import type { ByteSource } from '../byte-source';
import { refuseFormat, type Checkpoint, type StoredRows, type StoredTensor } from '../checkpoint';
import { parseModelConfig, type ModelConfig } from '../config';
import { widen, words16 } from '../floats';
import { rotaryFrequencies } from '../rope';
import { openGguf, type GgufFile, type GgufTensor } from './gguf';
import { dequantiseQ4K, dequantiseQ6K, splitBlocks } from './gguf-blocks';
import { ggufConfig } from './gguf-config';
import { huggingFaceName } from './gguf-names';
import { isReadable, type ReadableType } from './gguf-types';

export interface GgufModel {
  /** As a `config.json` would say it. */
  config: Record<string, unknown>;
  checkpoint: Checkpoint;
  /** With the metadata, from which a tokenizer can be made. */
  file: GgufFile;
}

/** @throws AppError INTEGRITY, UNSUPPORTED by name, BAD_INPUT, and what `source.read` throws */
export async function openGgufModel(source: ByteSource, signal?: AbortSignal): Promise<GgufModel> {
  const file = await openGguf(source, signal);
  const config = ggufConfig(file);
  const frequencies = file.tensors.get('rope_freqs.weight');
  if (frequencies) config['rope_scaling'] = await llama3Scaling(source, config, frequencies, signal);
  const parsed = parseModelConfig(config);
  const tensors = new Map<string, StoredTensor>();
  for (const tensor of file.tensors.values()) {
    const stored = storedTensor(source, tensor, parsed);
    tensors.set(stored.name, stored);
  }
  return { config, checkpoint: { tensors }, file };
}

function storedTensor(source: ByteSource, tensor: GgufTensor, config: ModelConfig): StoredTensor {
  const name = huggingFaceName(tensor.name);
  const { shape, type, offset, bytes } = tensor;
  if (!isReadable(type)) {
    // eslint-disable-next-line @typescript-eslint/require-await -- so that the refusal rejects
    return { name, shape, format: type, bytes, readRows: async () => refuseFormat({ name, format: type }) };
  }
  const rowBytes = bytes / Math.max(1, shape[0] ?? 1);
  const read = async (first: number, count: number, signal?: AbortSignal): Promise<Uint8Array> =>
    source.read(offset + first * rowBytes, count * rowBytes, signal);
  const heads = interleavedHeads(name, config);
  const readBytes = heads === undefined ? read : readUninterleaved(read, (shape[0] ?? 0) / heads, rowBytes);
  return {
    ...{ name, shape, bytes },
    format: type,
    readRows: async (first, count, signal) => decode(type, await readBytes(first, count, signal)),
  };
}

function decode(type: ReadableType, bytes: Uint8Array): StoredRows {
  switch (type) {
    case 'F32':
    case 'BF16':
      return { kind: 'floats', values: widen(bytes, type) };
    case 'F16':
      return { kind: 'halves', values: words16(bytes) };
    case 'Q8_0':
      return { kind: 'blocks', type: 'q8', blocks: splitBlocks('q8', bytes) };
    case 'Q4_0':
      return { kind: 'blocks', type: 'q4', blocks: splitBlocks('q4', bytes) };
    case 'Q4_K':
      return { kind: 'floats', values: dequantiseQ4K(bytes) };
    case 'Q6_K':
      return { kind: 'floats', values: dequantiseQ6K(bytes) };
    default:
      return type satisfies never;
  }
}

/** llama.cpp turns neighbouring rows in `llama` models, Hugging Face the two halves of a head: queries and keys lie interleaved. */
function interleavedHeads(
  name: string,
  { family, queryHeads, keyValueHeads }: ModelConfig,
): number | undefined {
  if (family.modelType !== 'llama') return undefined;
  if (/\.q_proj\./.test(name)) return queryHeads;
  return /\.k_proj\./.test(name) ? keyValueHeads : undefined;
}

type ReadBytes = (first: number, count: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** Row `h·size/2 + i` of a head (half h, pair i) lies at row `2·i + h`; whole heads are read. */
function readUninterleaved(read: ReadBytes, headSize: number, rowBytes: number): ReadBytes {
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) return read; // The shape is wrong, and whoever loads it says so.
  return async (first, count, signal) => {
    const firstHead = Math.floor(first / headSize);
    const heads = Math.ceil((first + count) / headSize) - firstHead;
    const stored = await read(firstHead * headSize, heads * headSize, signal);
    const rows = new Uint8Array(count * rowBytes);
    for (let row = 0; row < count; row += 1) {
      const inHead = (first + row) % headSize;
      const head = Math.floor((first + row) / headSize) - firstHead;
      const at = head * headSize + (inHead % (headSize / 2)) * 2 + Math.floor(inHead / (headSize / 2));
      rows.set(stored.subarray(at * rowBytes, (at + 1) * rowBytes), row * rowBytes);
    }
    return rows;
  };
}

/** Llama 3.1 and later: how much slower each pair turns. Only the scaling that they were released with is taken, and it is checked. */
async function llama3Scaling(
  source: ByteSource,
  config: Record<string, unknown>,
  tensor: GgufTensor,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  if (tensor.type !== 'F32') refuseFormat({ name: tensor.name, format: tensor.type });
  const values = widen(await source.read(tensor.offset, tensor.bytes, signal), 'F32');
  const plain = parseModelConfig({ ...config, rope_scaling: undefined });
  const scaling = {
    rope_type: 'llama3',
    factor: values.reduce((most, value) => Math.max(most, value), 1),
    ...{ low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 },
  };
  const { rope, headSize } = parseModelConfig({ ...config, rope_scaling: scaling });
  const wanted = rotaryFrequencies(rope, headSize, plain.maxPositions);
  const base = rotaryFrequencies(plain.rope, headSize, plain.maxPositions);
  const close = wanted.every((frequency, i) => Math.abs(base[i]! / frequency / values[i]! - 1) < 1e-3);
  if (close && values.length === wanted.length) return scaling;
  throw new AppError(
    'UNSUPPORTED',
    'The GGUF file brings rotary frequencies of its own that are not those of Llama 3.',
    {
      fix: 'Import the model from its safetensors files.',
    },
  );
}
