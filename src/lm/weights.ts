/** Brings the tensors of a checkpoint into a backend, in pieces, so that at most one piece is in memory. */
import type { Allocate, Backend, Tensor } from '../gpu/backend';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { OnProgress } from '../protocol/retrieval';
import type { ModelConfig } from './config';
import { FLOAT_BYTES, widen, type FloatFormat } from './floats';
import type { TensorEntry } from './safetensors';

/** Largest read; a whole number of elements of every format. */
const PIECE_BYTES = 8 * 1024 * 1024;

export interface LayerWeights {
  attentionNorm: Tensor;
  /** `[(queryHeads + 2·keyValueHeads)·headSize, hidden]`: q, k, v one below the other. */
  projections: Tensor;
  projectionBias: Tensor | undefined;
  /** Norms over each head of queries and keys, `[headSize]`. */
  headNorms: { query: Tensor; key: Tensor } | undefined;
  attentionOutput: Tensor;
  outputBias: Tensor | undefined;
  mlpNorm: Tensor;
  /** `[2·intermediate, hidden]`: gate, then up. */
  gateUp: Tensor;
  down: Tensor;
}

export interface ModelWeights {
  embedding: Tensor;
  layers: LayerWeights[];
  finalNorm: Tensor;
  /** The embedding itself where the two are tied. */
  head: Tensor;
}

/** One destination and the source tensors that fill it, one below the other. */
interface Part {
  destination: Tensor;
  names: string[];
}

interface Plan {
  weights: ModelWeights;
  parts: Part[];
}

function planWeights(allocate: Allocate, config: ModelConfig): Plan {
  const parts: Part[] = [];
  const place = (label: string, shape: number[], names: string[]): Tensor => {
    const destination = allocate(label, shape);
    parts.push({ destination, names });
    return destination;
  };
  const { hiddenSize, intermediateSize, vocabSize, headSize } = config;
  const queryWidth = config.queryHeads * headSize;
  const projectionWidth = queryWidth + 2 * config.keyValueHeads * headSize;
  const single = (name: string, ...shape: number[]): Tensor => place(name, shape, [name]);
  const embedding = single('model.embed_tokens.weight', vocabSize, hiddenSize);
  const layers: LayerWeights[] = [];
  for (let index = 0; index < config.layers; index += 1) {
    const at = `model.layers.${index}`;
    const qkv = ['q_proj', 'k_proj', 'v_proj'].map((name) => `${at}.self_attn.${name}`);
    layers.push({
      attentionNorm: single(`${at}.input_layernorm.weight`, hiddenSize),
      projections: place(
        `${at}.qkv`,
        [projectionWidth, hiddenSize],
        qkv.map((name) => `${name}.weight`),
      ),
      projectionBias: config.projectionBias
        ? place(
            `${at}.qkv.bias`,
            [projectionWidth],
            qkv.map((name) => `${name}.bias`),
          )
        : undefined,
      headNorms: config.headNorms
        ? {
            query: single(`${at}.self_attn.q_norm.weight`, headSize),
            key: single(`${at}.self_attn.k_norm.weight`, headSize),
          }
        : undefined,
      attentionOutput: single(`${at}.self_attn.o_proj.weight`, hiddenSize, queryWidth),
      outputBias: config.outputBias ? single(`${at}.self_attn.o_proj.bias`, hiddenSize) : undefined,
      mlpNorm: single(`${at}.post_attention_layernorm.weight`, hiddenSize),
      gateUp: place(
        `${at}.gate_up`,
        [2 * intermediateSize, hiddenSize],
        [`${at}.mlp.gate_proj.weight`, `${at}.mlp.up_proj.weight`],
      ),
      down: single(`${at}.mlp.down_proj.weight`, hiddenSize, intermediateSize),
    });
  }
  const finalNorm = single('model.norm.weight', hiddenSize);
  const head = config.tiedEmbeddings ? embedding : single('lm_head.weight', vocabSize, hiddenSize);
  return { weights: { embedding, layers, finalNorm, head }, parts };
}

/** Shape that each source tensor must have, from the config; the destination's shape alone would let q and k be swapped. */
function expectedShape(config: ModelConfig, name: string, destination: Tensor): readonly number[] {
  const { hiddenSize, headSize } = config;
  const vector = destination.shape.length === 1;
  const rows = /\.q_proj\./.test(name)
    ? config.queryHeads * headSize
    : /\.[kv]_proj\./.test(name)
      ? config.keyValueHeads * headSize
      : /\.(gate|up)_proj\./.test(name)
        ? config.intermediateSize
        : undefined;
  if (rows === undefined) return destination.shape;
  return vector ? [rows] : [rows, hiddenSize];
}

const isFloatFormat = (dtype: string): dtype is FloatFormat => Object.hasOwn(FLOAT_BYTES, dtype);

function findEntry(
  checkpoint: Map<string, TensorEntry>,
  config: ModelConfig,
  name: string,
  destination: Tensor,
): TensorEntry & { dtype: FloatFormat } {
  const entry = checkpoint.get(name);
  if (!entry) {
    throw new AppError('BAD_INPUT', `The checkpoint has no tensor ${name}.`, {
      fix: 'Check that config.json and the weights belong together and that no file of the checkpoint is missing.',
    });
  }
  const { dtype } = entry;
  if (!isFloatFormat(dtype)) {
    throw new AppError('UNSUPPORTED', `${name} is of type ${dtype}; only F32, F16 and BF16 can be read.`, {
      fix: 'Choose a checkpoint that is not quantised.',
    });
  }
  const wanted = expectedShape(config, name, destination);
  if (wanted.join() !== entry.shape.join()) {
    const message = `${name} is [${entry.shape.join(', ')}] where config.json needs [${wanted.join(', ')}].`;
    throw new AppError('BAD_INPUT', message, {
      fix: 'Check that config.json and the weights belong together.',
    });
  }
  return { ...entry, dtype };
}

/**
 * Allocates and fills all weights. Everything is checked before the first byte of data is read.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, OUT_OF_MEMORY, ABORTED; the caller frees what was allocated.
 */
export async function loadWeights(
  backend: Backend,
  allocate: Allocate,
  config: ModelConfig,
  checkpoint: Map<string, TensorEntry>,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelWeights> {
  const { weights, parts } = planWeights(allocate, config);
  const jobs = parts.map(({ destination, names }) => ({
    destination,
    entries: names.map((name) => findEntry(checkpoint, config, name, destination)),
  }));
  await backend.ready();
  const total = jobs.reduce((sum, job) => sum + job.entries.reduce((bytes, e) => bytes + e.bytes, 0), 0);
  let done = 0;
  for (const { destination, entries } of jobs) {
    let element = 0;
    for (const { source, offset, bytes, dtype, name } of entries) {
      for (let at = 0; at < bytes; at += PIECE_BYTES) {
        throwIfAborted(signal);
        const piece = await source.read(offset + at, Math.min(PIECE_BYTES, bytes - at), signal);
        const floats = widen(piece, dtype);
        backend.write(destination, floats, element);
        element += floats.length;
        done += piece.byteLength;
        onProgress?.({ done, total, unit: 'bytes', label: name });
      }
    }
  }
  await backend.ready();
  return weights;
}
