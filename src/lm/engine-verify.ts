/**
 * Before a model is handed out: does this device compute it as it should? Drivers and shader compilers that do not are met again and again,
 * and their users see fluent nonsense. One layer is computed on the CPU as well, from the same checkpoint.
 */
import type { Backend, Extent, Operation, Tensor } from '../gpu/backend';
import { ROW_FIELDS, ROW_POSITION, ROW_TOKEN } from '../gpu/backend';
import { CpuBackend } from '../gpu/cpu/backend';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { WeightType } from '../protocol/model-import';
import { floatsOf, type Checkpoint, type StoredTensor } from './checkpoint';
import type { ModelConfig } from './config';
import { buildGraph, type Graph } from './graph';
import type { WorkingSet } from './scheduler/working-set';
import { loadWeights } from './weights';
import { weightTable } from './weights-table';

export interface VerifyRequest {
  backend: Backend;
  config: ModelConfig;
  checkpoint: Checkpoint;
  /** As the model was loaded. */
  weights: WeightType | undefined;
  graph: Graph;
  working: WorkingSet;
  signal: AbortSignal | undefined;
}

/** Largest error, relative to the largest value: far above what f16 and another order of summation leave. */
const TOLERANCE = 0.02;
/** Bounds the time on the CPU to about a second. */
const MOST_PRODUCTS = 3e8;
const MOST_ROWS = 24;
/** A layer larger than this is not read a second time. */
const MOST_LAYER_BYTES = 512 * 1024 * 1024;

/**
 * Also runs every program once, so that the first token does not wait for what drivers put off.
 * @throws AppError UNSUPPORTED if the device computes wrong numbers; INTEGRITY, ABORTED, DEVICE_LOST
 */
export async function verifyModel(request: VerifyRequest): Promise<void> {
  const { graph, config, signal } = request;
  const layer = weightTable({ ...config, layers: 1 }).layers[0];
  const products = [layer?.projections, layer?.attentionOutput, layer?.gateUp, layer?.down].reduce(
    (sum, slot) => sum + (slot?.shape[0] ?? 0) * (slot?.shape[1] ?? 0),
    0,
  );
  const { capacity, stepRows } = graph.sizes;
  const wanted = Math.min(MOST_ROWS, Math.floor(MOST_PRODUCTS / products));
  const rows = Math.min(Math.max(2, wanted), capacity, stepRows);
  const tokens = Array.from({ length: rows }, (_, i) => Math.floor(((i + 0.5) * config.vocabSize) / rows));
  if (products * 4 <= MOST_LAYER_BYTES) await compareLayer(request, tokens);
  throwIfAborted(signal);
  await expectSoundLogits(request, tokens);
}

/** The first layer on both sides, all rows at once and the last one again on its own. */
async function compareLayer(request: VerifyRequest, tokens: readonly number[]): Promise<void> {
  const { backend, graph, config, checkpoint, weights, signal } = request;
  const { hiddenSize } = config;
  const first = programOfLayer(graph, config);
  const count = tokens.length * hiddenSize;
  setRows(backend, graph, tokens, 0);
  const embedded = await readOne(backend, graph.body.slice(0, 1), graph.residual, count);
  expectClose(embedded, await embeddingRows(checkpoint, tokens, hiddenSize, signal), 'the embedding');

  const cpu = new CpuBackend();
  const own = { ...config, layers: 1, vocabSize: 1, tiedEmbeddings: true };
  const one = withoutVocabulary(checkpoint, hiddenSize);
  const allocate: Backend['tensor'] = (...of) => cpu.tensor(...of);
  const tensors = await loadWeights(cpu, allocate, own, one, { weights, signal });
  const sizes = { slots: 1, capacity: graph.sizes.capacity, stepRows: tokens.length, headRows: 1 };
  const twin = buildGraph(cpu, allocate, own, tensors, sizes);
  setRows(
    cpu,
    twin,
    tokens.map(() => 0),
    0,
  );
  cpu.write(twin.residual, embedded);
  const want = await readOne(cpu, twin.body.slice(1), twin.residual, count);
  cpu.dispose();
  throwIfAborted(signal);

  expectClose(await readOne(backend, first, graph.residual, count), want, 'the first layer');
  const last = tokens.length - 1;
  setRows(backend, graph, tokens.slice(last), last);
  const alone = await readOne(backend, [...graph.body.slice(0, 1), ...first], graph.residual, hiddenSize);
  expectClose(alone, want.subarray(last * hiddenSize), 'the first layer, for one token,');
}

async function expectSoundLogits(request: VerifyRequest, tokens: readonly number[]): Promise<void> {
  const { backend, graph, config, working } = request;
  setRows(backend, graph, tokens, 0);
  backend.write(graph.selected, Uint32Array.of(tokens.length - 1));
  backend.write(graph.targets, Uint32Array.of(0));
  graph.headRows.value = 1;
  const logits = await readOne(backend, [...graph.body, ...graph.head], graph.logits, config.vocabSize);
  if (!logits.every(Number.isFinite)) wrong('the model gives numbers that are none');
  if (config.vocabSize > 1 && logits.every((value) => value === logits[0])) {
    wrong('the model finds every token equally likely');
  }
  // As a decode step, to its sampled token; greedy, as the settings are zero.
  setRows(backend, graph, tokens.slice(0, 1), 0);
  backend.write(graph.selected, Uint32Array.of(0));
  await backend.run([...graph.body, ...working.draw], [{ tensor: working.sampled, count: 2 }]);
}

/** The operations of the first layer, which follow the embedding. */
function programOfLayer({ body }: Graph, { layers }: ModelConfig): Operation[] {
  const length = (body.length - 1) / layers;
  if (!Number.isInteger(length)) throw new AppError('INTERNAL', 'The layers have different programs.');
  return body.slice(1, 1 + length);
}

interface RowTable {
  rows: Extent;
  rowTable: Tensor;
}

function setRows(
  backend: Backend,
  { rows, rowTable }: RowTable,
  tokens: readonly number[],
  from: number,
): void {
  const table = new Uint32Array(tokens.length * ROW_FIELDS);
  tokens.forEach((token, i) => {
    table[i * ROW_FIELDS + ROW_TOKEN] = token;
    table[i * ROW_FIELDS + ROW_POSITION] = from + i;
  });
  rows.value = tokens.length;
  rows.oneSequence = true;
  backend.write(rowTable, table);
}

async function readOne(
  backend: Backend,
  operations: readonly Operation[],
  tensor: Tensor,
  count: number,
): Promise<Float32Array> {
  const [values] = await backend.run(operations, [{ tensor, count }]);
  return values ?? new Float32Array(count);
}

async function embeddingRows(
  { tensors }: Checkpoint,
  tokens: readonly number[],
  hiddenSize: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const table = tensors.get(EMBEDDING);
  const out = new Float32Array(tokens.length * hiddenSize);
  for (const [i, token] of tokens.entries()) {
    if (table) out.set(floatsOf(await table.readRows(token, 1, signal)), i * hiddenSize);
  }
  return out;
}

const EMBEDDING = 'model.embed_tokens.weight';

/** The checkpoint with a vocabulary of one token, whose embedding nobody reads. */
function withoutVocabulary(checkpoint: Checkpoint, hiddenSize: number): Checkpoint {
  const embedding: StoredTensor = {
    ...{ name: EMBEDDING, shape: [1, hiddenSize], format: 'F32', bytes: 4 * hiddenSize },
    readRows: () => Promise.resolve({ kind: 'floats', values: new Float32Array(hiddenSize) }),
  };
  return { tensors: new Map([...checkpoint.tensors, [EMBEDDING, embedding]]) };
}

function expectClose(got: Float32Array, want: Float32Array, what: string): void {
  let worst = 0;
  let largest = 1e-6;
  for (const [i, value] of want.entries()) {
    const difference = Math.abs(got[i]! - value);
    if (!(difference <= worst)) worst = difference;
    largest = Math.max(largest, Math.abs(value));
  }
  const error = worst / largest;
  if (!(error <= TOLERANCE)) wrong(`${what} differs from the CPU's by ${(100 * error).toFixed(1)} %`);
}

function wrong(what: string): never {
  throw new AppError('UNSUPPORTED', `This device computes the model wrongly: ${what}.`, {
    fix: 'Use the CPU or another graphics adapter. A newer browser or graphics driver may help; please report the name of your graphics adapter.',
  });
}
