/**
 * The backward pass of attention in blocks (FlashAttention-2, arXiv 2307.08691, algorithm 2): 32 queries against 32 keys at a time, of
 * which a thread computes 4 × 4 scores, so that every load serves four products (with software: 16, 16 and 2 × 2). Three dispatches as in
 * `attention-gradient.ts`, whose results these are but for the order of sums: statistics, queries' gradients with a workgroup for a tile of
 * queries, keys' and values' with one for a tile of keys. No sums of several workgroups meet: nothing is atomic.
 *
 * Keys are counted by rows: those of a sequence are the rows from its first to a query's own, wherever they lie in the cache.
 */
import type { HeadShape } from '../../backend';
import { ATTENTION_FIELDS } from '../../training';
import { headWidth } from '../../training-checks';
import { bound, EXTENT, literal, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { read, write } from './bindings';

const THREADS = 64;
const SIDE = 8;

/**
 * A thread reads four elements of a head at a time, and eight threads share a head. Few rows are done before these kernels are compiled
 * where compiling is dear.
 */
export const supportsGradientTiles = (
  { headSize }: HeadShape,
  capacity: number,
  { attentionGradient: { each, from } }: Tuning,
): boolean => each > 0 && capacity >= from && headSize % (4 * SIDE) === 0 && headSize <= 128;

/** The queries of a key-value head are its rows' heads, one row after the other. */
export const queryTiles = (
  { queryHeads, keyValueHeads }: HeadShape,
  rows: number,
  { attentionGradient: { each } }: Tuning,
): [number, number] => [Math.ceil((rows * (queryHeads / keyValueHeads)) / (SIDE * each)), keyValueHeads];
export const keyTiles = (
  { keyValueHeads }: HeadShape,
  rows: number,
  { attentionGradient: { each } }: Tuning,
): [number, number] => [Math.ceil(rows / (SIDE * each)), keyValueHeads];

/** WGSL for the places of queries and keys, in vectors of four. */
class Places {
  readonly group: number;
  readonly count: number;
  readonly pieces: readonly number[];
  readonly scale: string;
  /** Queries and keys of a thread, of a tile, and floats of a tile's row in workgroup memory. */
  readonly each: number;
  readonly tile: number;
  /** One float beyond, so that threads of neighbouring rows use different banks. */
  readonly stride: number;
  readonly own: readonly number[];
  readonly #width: number;

  constructor(
    readonly heads: HeadShape,
    readonly capacity: number,
    readonly tuning: Tuning,
  ) {
    const { queryHeads, keyValueHeads, headSize } = heads;
    this.group = queryHeads / keyValueHeads;
    this.count = headSize / 4;
    this.pieces = range(this.count / SIDE);
    this.scale = literal(1 / Math.sqrt(headSize));
    this.each = tuning.attentionGradient.each;
    this.tile = SIDE * this.each;
    this.stride = this.tile + 1;
    this.own = range(this.each);
    this.#width = headWidth(heads) / 4;
  }

  /** A line for each of a thread's queries, or keys. */
  lines(line: (i: number) => string, separator = '\n  '): string {
    return this.own.map(line).join(separator);
  }

  pairs(line: (a: number, b: number) => string): string {
    return this.own.flatMap((a) => this.own.map((b) => line(a, b))).join(' ');
  }

  /** A query's row, its sequence's first row, and where its parts lie. `q` is counted as `queryTiles` does. */
  query(i: string, q: string): string {
    const { group, count, heads } = this;
    return `let q${i} = ${q}; let row${i} = q${i} / ${group}u; let first${i} = row${i} - rowTable[row${i}].y;
  let queryHead${i} = head * ${group}u + q${i} % ${group}u;
  let at${i} = row${i} * ${this.#width}u + queryHead${i} * ${count}u;
  let result${i} = (row${i} * ${heads.queryHeads}u + queryHead${i}) * ${count}u;`;
  }

  statistic(i: string): string {
    return `(row${i} * ${this.heads.queryHeads}u + queryHead${i}) * ${ATTENTION_FIELDS}u`;
  }

  key(row: string): string {
    const { capacity, count, heads } = this;
    return `((rowTable[${row}].z * ${capacity}u + rowTable[${row}].y) * ${heads.keyValueHeads}u + head) * ${count}u`;
  }

  /** Within `projections`: the keys' part, then the values'. */
  gradient(row: string, part: 'keys' | 'values'): string {
    const { queryHeads, keyValueHeads } = this.heads;
    const before = queryHeads + (part === 'values' ? keyValueHeads : 0);
    return `${row} * ${this.#width}u + (${before}u + head) * ${this.count}u`;
  }

  /** Every piece of every own row. */
  sums(line: (i: number, n: number) => string): string {
    return this.own.flatMap((i) => this.pieces.map((n) => line(i, n))).join(' ');
  }

  loop(body: string): string {
    return `for (var i = 0u; i < ${bound(this.count, this.tuning)}; i += 1u) {${body}
    }`;
  }
}

const beginOf = ({ tile }: Places): string => `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let begin = workgroup.x * ${tile}u;
  let head = workgroup.y;
  let tx = thread % ${SIDE}u;
  let ty = thread / ${SIDE}u;`;

/** What a tile of queries begins with: its own four of them, and the rows whose keys they see. */
const queriesOf = (places: Places): string => `
  let queries = extent.x * ${places.group}u;
  // A query beyond the end computes what the last one computes, and is not stored.
  ${places.lines((i) => places.query(String(i), `min(begin + ${places.each}u * ty + ${i}u, queries - 1u)`))}
  let topRow = begin / ${places.group}u;
  let firstKey = topRow - rowTable[topRow].y;
  let lastKey = (min(begin + ${places.tile}u, queries) - 1u) / ${places.group}u;`;

const keysOf = (places: Places): string => `
    ${places.lines((k) => `let key${k} = start + tx + ${k * SIDE}u;`, ' ')}
    ${places.lines((k) => `let keyAt${k} = ${places.key(`min(key${k}, lastKey)`)};`, '\n    ')}
    ${places.pairs((q, k) => `var s${q}_${k} = 0.0;`)}`;

const seen = (q: number, k: number): string => `(key${k} >= first${q} && key${k} <= row${q})`;

export function tiledStatisticsKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const places = new Places(heads, capacity, tuning);
  return makeKernel(
    'attention-statistics-tiled',
    [
      ...[EXTENT, read('rowTable', 'vec4u'), read('projections', 'vec4f'), read('keys', 'vec4f')],
      ...[read('output', 'vec4f'), read('outputGradient', 'vec4f'), write('statistics', 'f32')],
    ],
    `
const NONE = -3.0e38;
var<workgroup> maxima: array<f32, ${places.tile * (SIDE + 1)}>;
var<workgroup> totals: array<f32, ${places.tile * (SIDE + 1)}>;

${beginOf(places)}
  ${queriesOf(places)}
  ${places.lines((q) => `var maximum${q} = NONE; var sum${q} = 0.0;`, ' ')}
  for (var start = firstKey; start <= lastKey; start += ${places.tile}u) {
    ${keysOf(places)}
    ${places.loop(`
      ${places.lines((k) => `let k${k} = keys[keyAt${k} + i];`, ' ')}
      ${places.lines((q) => `{ let x = projections[at${q} + i]; ${places.lines((k) => `s${q}_${k} += dot(x, k${k});`, ' ')} }`, '\n      ')}`)}
    ${places.pairs((q, k) => `s${q}_${k} = select(NONE, s${q}_${k} * ${places.scale}, ${seen(q, k)});`)}
    ${places.lines(
      (q) => `{
      let higher = max(maximum${q}, ${places.own.map((k) => `s${q}_${k}`).reduce((a, b) => `max(${a}, ${b})`)});
      sum${q} *= exp(maximum${q} - higher);
      ${places.lines((k) => `sum${q} += select(0.0, exp(s${q}_${k} - higher), ${seen(q, k)});`, ' ')}
      maximum${q} = higher;
    }`,
      '\n    ',
    )}
  }
  ${places.lines((q) => `maxima[(${places.each}u * ty + ${q}u) * ${SIDE + 1}u + tx] = maximum${q}; totals[(${places.each}u * ty + ${q}u) * ${SIDE + 1}u + tx] = sum${q};`)}
  workgroupBarrier();
  if (thread < ${places.tile}u && begin + thread < queries) {
    var maximum = NONE;
    for (var j = 0u; j < ${bound(SIDE, tuning)}; j += 1u) { maximum = max(maximum, maxima[thread * ${SIDE + 1}u + j]); }
    var sum = 0.0;
    for (var j = 0u; j < ${bound(SIDE, tuning)}; j += 1u) {
      sum += totals[thread * ${SIDE + 1}u + j] * exp(maxima[thread * ${SIDE + 1}u + j] - maximum);
    }
    ${places.query('Own', 'begin + thread')}
    var delta = 0.0;
    ${places.loop('delta += dot(output[resultOwn + i], outputGradient[resultOwn + i]);')}
    let to = ${places.statistic('Own')};
    statistics[to] = maximum + log(sum);
    statistics[to + 1u] = delta;
  }
}`,
  );
}

const BINDINGS = [
  ...[EXTENT, read('rowTable', 'vec4u'), read('projections', 'vec4f'), read('keys', 'vec4f')],
  ...[read('values', 'vec4f'), read('outputGradient', 'vec4f'), read('statistics', 'f32')],
  write('gradient', 'vec4f'),
];

export function tiledQueryGradientKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const places = new Places(heads, capacity, tuning);
  const { pieces, scale } = places;
  return makeKernel(
    'attention-query-gradient-tiled',
    BINDINGS,
    `
var<workgroup> slopes: array<f32, ${places.tile * places.stride}>;

${beginOf(places)}
  ${queriesOf(places)}
  ${places.lines((q) => `let logSumExp${q} = statistics[${places.statistic(String(q))}]; let delta${q} = statistics[${places.statistic(String(q))} + 1u];`)}
  ${places.sums((q, n) => `var sum${q}_${n} = vec4f();`)}
  for (var start = firstKey; start <= lastKey; start += ${places.tile}u) {
    ${keysOf(places)}
    ${places.pairs((q, k) => `var g${q}_${k} = 0.0;`)}
    ${places.loop(`
      ${places.lines((k) => `let k${k} = keys[keyAt${k} + i]; let v${k} = values[keyAt${k} + i];`, ' ')}
      ${places.lines(
        (q) =>
          `{ let x = projections[at${q} + i]; let y = outputGradient[result${q} + i]; ${places.lines((k) => `s${q}_${k} += dot(x, k${k}); g${q}_${k} += dot(y, v${k});`, ' ')} }`,
        '\n      ',
      )}`)}
    ${places.pairs(
      (q, k) =>
        `slopes[(${places.each}u * ty + ${q}u) * ${places.stride}u + tx + ${k * SIDE}u] = select(0.0, exp(s${q}_${k} * ${scale} - logSumExp${q}) * (g${q}_${k} - delta${q}) * ${scale}, ${seen(q, k)});`,
    )}
    workgroupBarrier();
    let end = min(${places.tile}u, lastKey + 1u - start);
    for (var j = 0u; j < end; j += 1u) {
      let keyAt = ${places.key('(start + j)')};
      ${places.lines((q) => `let p${q} = slopes[(${places.each}u * ty + ${q}u) * ${places.stride}u + j];`, ' ')}
      ${pieces.map((n) => `{ let k = keys[keyAt + tx + ${n * SIDE}u]; ${places.lines((q) => `sum${q}_${n} += p${q} * k;`, ' ')} }`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${places.lines(
    (q) =>
      `if (begin + ${places.each}u * ty + ${q}u < queries) { ${pieces.map((n) => `gradient[at${q} + tx + ${n * SIDE}u] = sum${q}_${n};`).join(' ')} }`,
  )}
}`,
  );
}

/** The queries that see a key are those of its own row and of the rows that follow. */
export function tiledKeyValueGradientKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const places = new Places(heads, capacity, tuning);
  const { pieces, scale, group } = places;
  const seenBy = (k: number, q: number): string => `(seen${q} && key${k} >= first${q} && key${k} <= row${q})`;
  return makeKernel(
    'attention-key-value-gradient-tiled',
    BINDINGS,
    `
var<workgroup> slopes: array<f32, ${places.tile * places.stride}>;
var<workgroup> weights: array<f32, ${places.tile * places.stride}>;

${beginOf(places)}
  // A key beyond the end computes what the last one computes, and is not stored.
  ${places.lines((k) => `let key${k} = min(begin + ${places.each}u * ty + ${k}u, extent.x - 1u); let keyAt${k} = ${places.key(`key${k}`)};`)}
  let bottom = min(begin + ${places.tile}u, extent.x) - 1u;
  let end = (bottom + rowTable[bottom].w + 1u) * ${group}u;
  ${places.sums((k, n) => `var keySum${k}_${n} = vec4f(); var valueSum${k}_${n} = vec4f();`)}
  for (var start = begin * ${group}u; start < end; start += ${places.tile}u) {
    ${places.lines((q) => `let seen${q} = start + tx + ${q * SIDE}u < end;\n  ${places.query(String(q), `min(start + tx + ${q * SIDE}u, end - 1u)`)}`, '\n    ')}
    ${places.pairs((k, q) => `var s${k}_${q} = 0.0; var g${k}_${q} = 0.0;`)}
    ${places.loop(`
      ${places.lines((q) => `let x${q} = projections[at${q} + i]; let y${q} = outputGradient[result${q} + i];`, ' ')}
      ${places.lines(
        (k) =>
          `{ let k = keys[keyAt${k} + i]; let v = values[keyAt${k} + i]; ${places.lines((q) => `s${k}_${q} += dot(x${q}, k); g${k}_${q} += dot(y${q}, v);`, ' ')} }`,
        '\n      ',
      )}`)}
    ${places.lines((q) => `let logSumExp${q} = statistics[${places.statistic(String(q))}]; let delta${q} = statistics[${places.statistic(String(q))} + 1u];`, '\n    ')}
    ${places.pairs(
      (k, q) => `{
      let to = (${places.each}u * ty + ${k}u) * ${places.stride}u + tx + ${q * SIDE}u;
      let weight = select(0.0, exp(s${k}_${q} * ${scale} - logSumExp${q}), ${seenBy(k, q)});
      weights[to] = weight; slopes[to] = weight * (g${k}_${q} - delta${q}) * ${scale};
    }`,
    )}
    workgroupBarrier();
    let count = min(${places.tile}u, end - start);
    for (var j = 0u; j < count; j += 1u) {
      ${places.query('', 'start + j')}
      ${places.lines((k) => `let p${k} = weights[(${places.each}u * ty + ${k}u) * ${places.stride}u + j]; let d${k} = slopes[(${places.each}u * ty + ${k}u) * ${places.stride}u + j];`, ' ')}
      ${pieces
        .map(
          (n) =>
            `{ let x = projections[at + tx + ${n * SIDE}u]; let y = outputGradient[result + tx + ${n * SIDE}u]; ${places.lines((k) => `keySum${k}_${n} += d${k} * x; valueSum${k}_${n} += p${k} * y;`, ' ')} }`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  ${places.lines((k) => {
    const stores = pieces.map(
      (n) =>
        `gradient[ofKey + tx + ${n * SIDE}u] = keySum${k}_${n}; gradient[ofValue + tx + ${n * SIDE}u] = valueSum${k}_${n};`,
    );
    return `if (begin + ${places.each}u * ty + ${k}u < extent.x) {
    let ofKey = ${places.gradient(`key${k}`, 'keys')}; let ofValue = ${places.gradient(`key${k}`, 'values')};
    ${stores.join(' ')}
  }`;
  })}
}`,
  );
}
