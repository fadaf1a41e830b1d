import type { HeadShape } from '../../backend';
import { attentionPartials, KEY_PARTS } from '../../partials';
import type { Tuning } from '../tuning';
import { bound, dot, EXTENT, literal, makeKernel, range, vectorOf, type Kernel } from '../kernel';

const THREADS = 64;
/** Pieces that a row of scores is cut into to find its maximum. */
const PIECES = 8;
/** Queries that share the reading of keys and values: bounds registers, and workgroup memory to 16 KiB. */
const maxQueries = ({ headSize }: HeadShape, { attentionQueries }: Tuning): number =>
  Math.min(attentionQueries, headSize > 128 ? 4 : 8);

/** Query heads per workgroup: the whole group of a key-value head, or an even part of a large one. */
export function attentionBlockHeads(heads: HeadShape, tuning: Tuning): number {
  const group = heads.queryHeads / heads.keyValueHeads;
  let blockHeads = Math.min(group, maxQueries(heads, tuning));
  while (group % blockHeads !== 0) blockHeads -= 1;
  return blockHeads;
}

/** Rows per workgroup when all rows belong to one sequence; 1 otherwise. */
export const attentionBlockRows = (heads: HeadShape, tuning: Tuning): number =>
  Math.floor(maxQueries(heads, tuning) / attentionBlockHeads(heads, tuning));

/** Elements of the type that the head is read in, a part's length, and how its maximum and sum are written behind. */
export function partLayout(heads: HeadShape): {
  stride: number;
  statistics: (buffer: string, at: string, maximum: string, sum: string) => string;
} {
  const { type, lanes, count } = vectorOf(heads.headSize);
  return {
    stride: attentionPartials(1, heads)[1] / lanes,
    statistics: (buffer, at, maximum, sum) =>
      type === 'vec4f'
        ? `${buffer}[${at} + ${count}u] = vec4f(${maximum}, ${sum}, 0.0, 0.0);`
        : `${buffer}[${at} + ${count}u] = ${maximum}; ${buffer}[${at} + ${count + 1}u] = ${sum};`,
  };
}

/** The most that the second half of the loop can spread over its threads. */
export const supportsHeadSize = (headSize: number): boolean => vectorOf(headSize).count <= THREADS;

/**
 * Attention of `blockRows` rows and `attentionBlockHeads` query heads of one key-value head over 64 keys at a time, with a running maximum
 * and sum (online softmax, Milakov and Gimelshein 2018). First each thread owns a key and computes its scores; then it
 * owns a piece of the head and every n-th key, and adds up values. Workgroups:
 * [⌈rows / blockRows⌉, queryHeads / blockHeads].
 *
 * `split` (one row a workgroup): the row's keys are cut into `KEY_PARTS` stretches, a workgroup each, which leave their sums
 * as `attentionPartials` says, for `joinPartsKernel` to add up (FlashDecoding, Dao et al. 2023). Workgroups: as many times more in y.
 */
export function attentionKernel(
  heads: HeadShape,
  capacity: number,
  blockRows: number,
  tuning: Tuning,
  split = false,
): Kernel {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const group = queryHeads / keyValueHeads;
  const blockHeads = attentionBlockHeads(heads, tuning);
  const queries = range(blockHeads * blockRows);
  const { type, count } = vectorOf(headSize);
  const parts = Math.floor(THREADS / count);
  const each = (line: (query: number) => string, separator = '\n    '): string =>
    queries.map(line).join(separator);
  const rowOf = (query: number): number => Math.floor(query / blockHeads);
  const zero = type === 'vec4f' ? 'vec4f()' : '0.0';
  const stretch = `let part_ = workgroup.y % ${KEY_PARTS}u;
  let length = (last / ${KEY_PARTS * THREADS}u + 1u) * ${THREADS}u;
  let begin = part_ * length;
  last = min(last, begin + length - 1u);`;
  const { stride, statistics } = partLayout(heads);
  const storePart = `let at = (to * ${KEY_PARTS}u + part_) * ${stride}u;
    output[at + i % ${count}u] = m;
    if (i % ${count}u == 0u) { ${statistics('output', 'at', 'piece[q]', 't')} }`;
  return makeKernel(
    split ? 'attention-split' : 'attention',
    [
      EXTENT,
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'projections', kind: 'read', type: `array<${type}>` },
      { name: 'keys', kind: 'read', type: `array<${type}>` },
      { name: 'values', kind: 'read', type: `array<${type}>` },
      { name: 'output', kind: 'write', type: `array<${type}>` },
    ],
    `
const NONE = -3.0e38;
var<workgroup> query: array<${type}, ${queries.length * count}>;
var<workgroup> score: array<f32, ${queries.length * THREADS}>;
var<workgroup> piece: array<f32, ${queries.length * PIECES}>;
var<workgroup> mixed: array<${type}, ${queries.length * THREADS}>;

fn largest(query: u32) -> f32 {
  var m = piece[query * ${PIECES}u];
  for (var i = 1u; i < ${bound(PIECES, tuning)}; i += 1u) { m = max(m, piece[query * ${PIECES}u + i]); }
  return m;
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = workgroup.x * ${blockRows}u;
  let firstHead = workgroup.y ${split ? `/ ${KEY_PARTS}u ` : ''}* ${blockHeads}u;
  let head = firstHead / ${group}u;
  let base = rowTable[first].z * ${capacity}u;
  var last = 0u;
  ${range(blockRows)
    .map(
      (row) => `var position${row} = 0u;
  if (first + ${row}u < extent.x) { position${row} = rowTable[first + ${row}u].y; }
  last = max(last, position${row});`,
    )
    .join('\n  ')}
  ${split ? stretch : 'const begin = 0u;'}
  for (var i = thread; i < ${bound(queries.length * count, tuning)}; i += ${THREADS}u) {
    let row = first + i / ${blockHeads * count}u;
    var q = ${zero};
    if (row < extent.x) {
      q = projections[row * ${(queryHeads + 2 * keyValueHeads) * count}u + firstHead * ${count}u + i % ${blockHeads * count}u];
    }
    query[i] = q * ${literal(1 / Math.sqrt(headSize))};
  }
  workgroupBarrier();

  let place = thread % ${count}u;
  let part = thread / ${count}u;
  ${each((q) => `var maximum${q} = NONE; var sum${q} = 0.0; var mix${q} = ${zero};`, '\n  ')}
  for (var start = begin; start <= last; start += ${THREADS}u) {
    let key = start + thread;
    ${each((q) => `var s${q} = 0.0;`, ' ')}
    if (key <= last) {
      let at = ((base + key) * ${keyValueHeads}u + head) * ${count}u;
      for (var i = 0u; i < ${bound(count, tuning)}; i += 1u) {
        let k = keys[at + i];
        ${each((q) => `s${q} += ${dot(type, `query[${q * count}u + i]`, 'k')};`, '\n        ')}
      }
    }
    ${each((q) => `score[${q * THREADS}u + thread] = select(NONE, s${q}, key <= position${rowOf(q)});`)}
    workgroupBarrier();
    for (var i = thread; i < ${bound(queries.length * PIECES, tuning)}; i += ${THREADS}u) {
      var m = NONE;
      for (var j = 0u; j < ${bound(THREADS / PIECES, tuning)}; j += 1u) { m = max(m, score[i * ${THREADS / PIECES}u + j]); }
      piece[i] = m;
    }
    workgroupBarrier();
    ${each(
      (q) => `{
      let next = max(maximum${q}, largest(${q}u));
      let shrink = exp(maximum${q} - next);
      maximum${q} = next;
      sum${q} *= shrink;
      mix${q} *= shrink;
      score[${q * THREADS}u + thread] = select(0.0, exp(s${q} - next), key <= position${rowOf(q)});
    }`,
    )}
    workgroupBarrier();
    if (part < ${parts}u) {
      let end = min(${THREADS}u, last + 1u - start);
      for (var j = part; j < end; j += ${parts}u) {
        let v = values[((base + start + j) * ${keyValueHeads}u + head) * ${count}u + place];
        ${each(
          (q) => `{ let p = score[${q * THREADS}u + j]; sum${q} += p; mix${q} += p * v; }`,
          '\n        ',
        )}
      }
    }
    workgroupBarrier();
  }
  ${split ? `if (thread == 0u) { ${each((q) => `piece[${q}] = maximum${q};`, ' ')} }` : ''}
  ${each((q) => `mixed[${q * THREADS}u + thread] = mix${q}; score[${q * THREADS}u + thread] = sum${q};`, '\n  ')}
  workgroupBarrier();
  for (var i = thread; i < ${bound(queries.length * count, tuning)}; i += ${THREADS}u) {
    let q = i / ${count}u;
    let row = first + q / ${blockHeads}u;
    if (row >= extent.x) { continue; }
    var m = ${zero};
    var t = 0.0;
    for (var j = q * ${THREADS}u + i % ${count}u; j < q * ${THREADS}u + ${bound(parts * count, tuning)}; j += ${count}u) {
      m += mixed[j];
      t += score[j];
    }
    let to = row * ${queryHeads}u + firstHead + q % ${blockHeads}u;
    ${split ? storePart : `output[to * ${count}u + i % ${count}u] = m / t;`}
  }
}`,
  );
}
