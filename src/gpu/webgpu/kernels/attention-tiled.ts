import type { HeadShape } from '../../backend';
import { bound, EXTENT, literal, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';

/** Queries and keys per tile: 8 × 8 threads compute 4 × 4 scores each. */
const QUERIES = 32;
const KEYS = 32;
const THREADS = 64;
const SIDE = 8;
const EACH = 4;
/** One float beyond, so that threads of neighbouring queries use different banks of workgroup memory. */
const STRIDE = KEYS + 1;

/** Heads are read four elements at a time, and a thread keeps at most eight vectors of each of its queries. */
export const supportsTiles = ({ headSize }: HeadShape): boolean => headSize % 4 === 0 && headSize <= 256;

/** The queries of a key-value head are its rows' heads, one row after the other. */
export const tiledAttentionWorkgroups = (heads: HeadShape, rows: number): [number, number] => [
  Math.ceil((rows * (heads.queryHeads / heads.keyValueHeads)) / QUERIES),
  heads.keyValueHeads,
];

/**
 * Attention of many rows of one sequence at consecutive positions (prefill): 32 queries against 32 keys at a time, with a
 * running maximum and sum (online softmax, Milakov and Gimelshein 2018). A thread first computes 4 × 4 scores, then adds up
 * the values of 4 queries; every load serves four products.
 */
export function tiledAttentionKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const { queryHeads, keyValueHeads, headSize } = heads;
  const group = queryHeads / keyValueHeads;
  const count = headSize / 4;
  const pieces = range(Math.ceil(count / SIDE));
  const own = range(EACH);
  const whole = count % SIDE === 0;
  const each = (line: (i: number) => string, separator = '\n    '): string => own.map(line).join(separator);
  const pairs = (line: (q: number, k: number) => string): string =>
    own.flatMap((q) => own.map((k) => line(q, k))).join(' ');
  const mixes = (line: (q: number, n: number) => string): string =>
    own.flatMap((q) => pieces.map((n) => line(q, n))).join(' ');
  const placeOf = (n: number): string => `(tx + ${n * SIDE}u)`;
  return makeKernel(
    'attention-tiled',
    [
      EXTENT,
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'projections', kind: 'read', type: 'array<vec4f>' },
      { name: 'keys', kind: 'read', type: 'array<vec4f>' },
      { name: 'values', kind: 'read', type: 'array<vec4f>' },
      { name: 'output', kind: 'write', type: 'array<vec4f>' },
    ],
    `
const NONE = -3.0e38;
var<workgroup> score: array<f32, ${QUERIES * STRIDE}>;
var<workgroup> piece: array<f32, ${QUERIES * (SIDE + 1)}>;
var<workgroup> maximum: array<f32, ${QUERIES}>;
var<workgroup> shrink: array<f32, ${QUERIES}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let queries = extent.x * ${group}u;
  let first = workgroup.x * ${QUERIES}u;
  let head = workgroup.y;
  let base = rowTable[0].z * ${capacity}u;
  let begin = rowTable[0].y;
  let last = begin + (min(first + ${QUERIES}u, queries) - 1u) / ${group}u;
  let tx = thread % ${SIDE}u;
  let ty = thread / ${SIDE}u;
  if (thread < ${QUERIES}u) { maximum[thread] = NONE; }
  // A query beyond the end computes what the last one computes, and is not stored.
  ${each((i) => `let q${i} = min(first + ${EACH}u * ty + ${i}u, queries - 1u);`, ' ')}
  ${each((i) => `let position${i} = begin + q${i} / ${group}u;`, ' ')}
  ${each(
    (i) =>
      `let at${i} = (q${i} / ${group}u) * ${(queryHeads + 2 * keyValueHeads) * count}u + (head * ${group}u + q${i} % ${group}u) * ${count}u;`,
    '\n  ',
  )}
  ${each((i) => `var sum${i} = 0.0;`, ' ')}
  ${mixes((q, n) => `var mix${q}_${n} = vec4f();`)}
  for (var start = 0u; start <= last; start += ${KEYS}u) {
    ${each((k) => `let key${k} = start + tx + ${k * SIDE}u;`, ' ')}
    ${each((k) => `let keyAt${k} = ((base + min(key${k}, last)) * ${keyValueHeads}u + head) * ${count}u;`, ' ')}
    ${pairs((q, k) => `var s${q}_${k} = 0.0;`)}
    for (var i = 0u; i < ${bound(count, tuning)}; i += 1u) {
      ${each((k) => `let k${k} = keys[keyAt${k} + i];`, ' ')}
      ${each((q) => `{ let x = projections[at${q} + i]; ${each((k) => `s${q}_${k} += dot(x, k${k});`, ' ')} }`, '\n      ')}
    }
    ${pairs((q, k) => `s${q}_${k} = select(NONE, s${q}_${k} * ${literal(1 / Math.sqrt(headSize))}, key${k} <= position${q});`)}
    ${each((q) => `piece[(${EACH}u * ty + ${q}u) * ${SIDE + 1}u + tx] = ${own.map((k) => `s${q}_${k}`).reduce((a, b) => `max(${a}, ${b})`)};`)}
    workgroupBarrier();
    if (thread < ${QUERIES}u) {
      let before = maximum[thread];
      var m = before;
      for (var j = 0u; j < ${bound(SIDE, tuning)}; j += 1u) { m = max(m, piece[thread * ${SIDE + 1}u + j]); }
      maximum[thread] = m;
      shrink[thread] = exp(before - m);
    }
    workgroupBarrier();
    ${each((q) => `{ let m = maximum[${EACH}u * ty + ${q}u]; ${each((k) => `score[(${EACH}u * ty + ${q}u) * ${STRIDE}u + tx + ${k * SIDE}u] = select(0.0, exp(s${q}_${k} - m), key${k} <= position${q});`, ' ')} }`)}
    workgroupBarrier();
    ${each((q) => `{ let f = shrink[${EACH}u * ty + ${q}u]; sum${q} *= f; ${pieces.map((n) => `mix${q}_${n} *= f;`).join(' ')} }`)}
    let end = min(${KEYS}u, last + 1u - start);
    for (var j = 0u; j < end; j += 1u) {
      let valueAt = ((base + start + j) * ${keyValueHeads}u + head) * ${count}u;
      ${each((q) => `let p${q} = score[(${EACH}u * ty + ${q}u) * ${STRIDE}u + j]; sum${q} += p${q};`, ' ')}
      ${pieces
        .map((n) => {
          const place = whole ? placeOf(n) : `min(${placeOf(n)}, ${count - 1}u)`;
          return `{ let v = values[valueAt + ${place}]; ${each((q) => `mix${q}_${n} += p${q} * v;`, ' ')} }`;
        })
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  ${each((q) => {
    const stores = pieces.map((n) => {
      const store = `output[to + ${placeOf(n)}] = mix${q}_${n} / sum${q};`;
      return whole ? store : `if (${placeOf(n)} < ${count}u) { ${store} }`;
    });
    return `if (first + ${EACH}u * ty + ${q}u < queries) {
    let to = ((q${q} / ${group}u) * ${queryHeads}u + head * ${group}u + q${q} % ${group}u) * ${count}u;
    ${stores.join(' ')}
  }`;
  }, '\n  ')}
}`,
  );
}
