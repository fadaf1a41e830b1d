/** Where a step of our engine spends its time: each operation alone, many times in one submission. */
import type { Allocate, Backend, Operation } from '../../src/gpu/backend';
import { ROW_FIELDS, ROW_POSITION, STAT_FIELDS } from '../../src/gpu/backend';
import { buildGraph } from '../../src/lm/graph';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { loadWeights } from '../../src/lm/weights';
import type { BenchModel } from './model';

export interface OperationTime {
  name: string;
  /** In one step of the whole model. */
  count: number;
  /** Of one of them, milliseconds. */
  ms: number;
}

export interface StepProfile {
  rows: number;
  /** Position of the first row. */
  position: number;
  operations: OperationTime[];
  /** The whole step, submitted and read back as the engine does it. */
  stepMs: number;
  /** A submission with a read-back and nothing to compute. */
  emptyMs: number;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Times a step of `rows` tokens that begins at `position`. */
export async function profileStep(
  backend: Backend,
  model: BenchModel,
  rows: number,
  position: number,
  rounds: number,
): Promise<StepProfile> {
  const { config, source } = model;
  const allocate: Allocate = (...of) => backend.tensor(...of);
  const checkpoint = await openSafetensorsCheckpoint([source]);
  const weights = await loadWeights(backend, allocate, config, checkpoint, { weights: model.weights });
  const sizes = { slots: 1, capacity: config.maxPositions, stepRows: rows, headRows: 1 };
  const graph = buildGraph(backend, allocate, config, weights, sizes);
  await backend.ready();
  const table = new Uint32Array(rows * ROW_FIELDS);
  for (let row = 0; row < rows; row += 1) table[row * ROW_FIELDS + ROW_POSITION] = position + row;
  backend.write(graph.rowTable, table);
  graph.rows.value = rows;
  graph.rows.oneSequence = true;
  graph.rows.keys = position + rows;
  graph.headRows.value = 1;
  const read = [{ tensor: graph.statistics, count: STAT_FIELDS }];
  const time = async (operations: readonly Operation[]): Promise<number> => {
    const started = performance.now();
    await backend.run(operations, read);
    return performance.now() - started;
  };
  const timeMedian = async (operations: readonly Operation[]): Promise<number> => {
    await time(operations);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) times.push(await time(operations));
    return median(times);
  };
  const all = [...graph.body, ...graph.head];
  const emptyMs = await timeMedian([]);
  const stepMs = await timeMedian(all);
  // The embedding, the first layer and the head; the other layers are like the first.
  const perLayer = (graph.body.length - 1) / config.layers;
  const named: [string, Operation | undefined, number][] = [
    ['embed', graph.body[0], 1],
    ...['qkv', 'rotate and cache', 'attention', 'attention output', 'gate and up', 'down'].map(
      (name, i): [string, Operation | undefined, number] => [name, graph.body[1 + i], config.layers],
    ),
    ...['select row', 'head', 'statistics'].map((name, i): [string, Operation | undefined, number] => [
      name,
      graph.head[i],
      1,
    ]),
  ];
  if (perLayer !== 6) throw new Error(`A layer has ${perLayer} operations; this profile knows 6.`);
  const operations: OperationTime[] = [];
  const repeat = 8;
  for (const [name, operation, count] of named) {
    if (!operation) continue;
    const ms = (await timeMedian(Array<Operation>(repeat).fill(operation))) - emptyMs;
    operations.push({ name, count, ms: Math.max(0, ms / repeat) });
  }
  return { rows, position, operations, stepMs, emptyMs };
}
