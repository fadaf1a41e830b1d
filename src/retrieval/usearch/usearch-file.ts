/**
 * The file of a usearch index, version 2: a matrix of vectors (u32 rows, u32 bytes of a row, rows), a head of 64 bytes, then the graph:
 * a head of five u64, a level (i16) for each node, and the nodes with their neighbours.
 *
 * usearch itself believes what a file says; a damaged one would send it reading anywhere. So every number that it would follow is
 * checked before it sees the file.
 */
import { AppError } from '../../protocol/errors';
import { createPauser } from '../yielding';

export type UsearchMetric = 'ip' | 'cos' | 'l2sq';
export type UsearchType = 'f32' | 'f16' | 'i8';

export interface UsearchHead {
  metric: UsearchMetric;
  dtype: UsearchType;
  dimensions: number;
  /** Nodes, those of removed vectors among them. */
  nodes: number;
  removed: number;
  connectivity: number;
}

const METRICS = new Map<number, UsearchMetric>([
  [0x69, 'ip'],
  [0x63, 'cos'],
  [0x65, 'l2sq'],
]);
const TYPES = new Map<number, UsearchType>([
  [11, 'f32'],
  [12, 'f16'],
  [23, 'i8'],
]);
const TYPE_BYTES: Record<UsearchType, number> = { f32: 4, f16: 2, i8: 1 };
const U64 = 14;
const U32 = 15;

const MAGIC = 'usearch';
const HEAD_BYTES = 64;
const GRAPH_HEAD_BYTES = 40;
/** A node's key and level. */
const NODE_HEAD_BYTES = 10;
const NODES_A_TURN = 1024;

const damaged = (what: string): AppError =>
  new AppError('INTEGRITY', `The usearch file is damaged: ${what}.`, { fix: 'Build the index again.' });
const unsupported = (what: string): AppError =>
  new AppError('UNSUPPORTED', `The usearch file cannot be used here: ${what}.`, {
    fix: 'Build it with usearch 2, 64-bit keys, and f32, f16 or i8 vectors.',
  });

class Reader {
  readonly #view: DataView;
  readonly length: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.length = bytes.byteLength;
  }

  #within(at: number, bytes: number): number {
    if (!(at >= 0 && at + bytes <= this.length)) throw damaged('it is cut short');
    return at;
  }

  u8 = (at: number): number => this.#view.getUint8(this.#within(at, 1));
  u16 = (at: number): number => this.#view.getUint16(this.#within(at, 2), true);
  i16 = (at: number): number => this.#view.getInt16(this.#within(at, 2), true);
  u32 = (at: number): number => this.#view.getUint32(this.#within(at, 4), true);
  /** Numbers above 2³² count what no file here has. */
  count(at: number): number {
    const value = this.#view.getBigUint64(this.#within(at, 8), true);
    if (value > 0xffffffffn) throw damaged('a number is too large');
    return Number(value);
  }
}

interface Graph {
  head: UsearchHead;
  levels: number;
  nodes: number;
  base: number;
  connectivity: number;
  maxLevel: number;
  entry: number;
}

function readGraph(read: Reader, bytes: Uint8Array): Graph {
  const rows = read.u32(0);
  const rowBytes = read.u32(4);
  const at = 8 + rows * rowBytes;
  if (at + HEAD_BYTES + GRAPH_HEAD_BYTES > read.length) throw damaged('it is cut short');
  const magic = String.fromCharCode(...bytes.subarray(at, at + MAGIC.length));
  if (magic !== MAGIC) throw damaged('it is no usearch file');
  const kinds = at + MAGIC.length + 6;
  if (read.u16(at + MAGIC.length) !== 2) throw unsupported('its version is not 2');
  const [metric, dtype] = [METRICS.get(read.u8(kinds)), TYPES.get(read.u8(kinds + 1))];
  if (!metric) throw unsupported('its metric is neither ip, cos nor l2sq');
  if (!dtype) throw unsupported('its vectors are neither f32, f16 nor i8');
  if (read.u8(kinds + 2) !== U64 || read.u8(kinds + 3) !== U32)
    throw unsupported('its keys are no 64-bit numbers');
  const removed = read.count(kinds + 12);
  const dimensions = read.count(kinds + 20);
  if (read.u8(kinds + 28) !== 0) throw unsupported('it has several vectors for a key');
  if (dimensions < 1 || dimensions * TYPE_BYTES[dtype] !== rowBytes) {
    throw damaged('rows and dimensions disagree');
  }
  const graph = at + HEAD_BYTES;
  const nodes = read.count(graph);
  if (nodes !== rows) throw damaged('vectors and nodes are not as many');
  const connectivity = read.count(graph + 8);
  const base = read.count(graph + 16);
  if (connectivity < 1 || connectivity > 4096 || base < 1 || base > 8192) throw damaged('its connectivity');
  return {
    head: { metric, dtype, dimensions, nodes, removed, connectivity },
    levels: graph + GRAPH_HEAD_BYTES,
    ...{ nodes, connectivity, base },
    maxLevel: read.count(graph + 24),
    entry: read.count(graph + 32),
  };
}

/** @throws AppError INTEGRITY, or UNSUPPORTED for what usearch can write and this project does not read */
export function readUsearchHead(bytes: Uint8Array): UsearchHead {
  return readGraph(new Reader(bytes), bytes).head;
}

/**
 * Looks at every node of the file.
 * @throws AppError INTEGRITY, UNSUPPORTED, ABORTED
 */
export async function checkUsearchFile(bytes: Uint8Array, signal?: AbortSignal): Promise<UsearchHead> {
  const read = new Reader(bytes);
  const graph = readGraph(read, bytes);
  const { nodes, levels, base, connectivity, maxLevel, entry } = graph;
  const pause = createPauser(signal);
  const levelOf = (node: number): number => read.i16(levels + 2 * node);
  if (nodes > 0 && (entry >= nodes || levelOf(entry) !== maxLevel)) throw damaged('its entry is no node');
  const list = (at: number, most: number, level: number): number => {
    const count = read.u32(at);
    if (count > most) throw damaged('a node has too many neighbours');
    for (let i = 0; i < count; i += 1) {
      const other = read.u32(at + 4 + 4 * i);
      if (other >= nodes || levelOf(other) < level) throw damaged('a neighbour is no node');
    }
    return at + 4 + 4 * most;
  };
  let at = levels + 2 * nodes;
  for (let node = 0; node < nodes; node += 1) {
    const level = levelOf(node);
    if (level < 0 || level > maxLevel || read.i16(at + 8) !== level) throw damaged("a node's level");
    at = list(at + NODE_HEAD_BYTES, base, 0);
    for (let up = 1; up <= level; up += 1) at = list(at, connectivity, up);
    if (node % NODES_A_TURN === 0) await pause();
  }
  if (at !== read.length) throw damaged('its length');
  return graph.head;
}
