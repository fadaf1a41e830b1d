/**
 * The backward pass of attention in three dispatches: statistics of every query, then the queries' gradients with a workgroup for
 * each of them, then the keys' and values' with a workgroup for each of those. No sums of several workgroups meet, so nothing
 * is atomic and every run gives the same bits.
 */
import type { HeadShape } from '../../backend';
import { ATTENTION_FIELDS } from '../../training';
import { headWidth } from '../../training-checks';
import { bound, EXTENT, literal, makeKernel, range, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import { read, reduce, THREADS, write } from './bindings';

interface Places {
  group: number;
  stride: number;
  outputStride: number;
  keyStride: number;
  size: number;
  scale: string;
}

function placesOf(heads: HeadShape): Places {
  const { queryHeads, keyValueHeads, headSize: size } = heads;
  return {
    ...{ group: queryHeads / keyValueHeads, stride: headWidth(heads), outputStride: queryHeads * size },
    ...{ keyStride: keyValueHeads * size, size, scale: literal(1 / Math.sqrt(size)) },
  };
}

const MAIN = `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32)`;

const statisticAt = (heads: HeadShape, row: string, head: string): string =>
  `(${row} * ${heads.queryHeads}u + ${head}) * ${ATTENTION_FIELDS}u`;

/** Workgroups: [rows, query heads]. */
export function attentionStatisticsKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const { group, stride, outputStride, keyStride, size, scale } = placesOf(heads);
  return makeKernel(
    'attention-statistics',
    [
      ...[EXTENT, read('rowTable', 'vec4u'), read('projections', 'f32'), read('keys', 'f32')],
      ...[read('output', 'f32'), read('outputGradient', 'f32'), write('statistics', 'f32')],
    ],
    `
var<workgroup> maxima: array<f32, ${THREADS}>;
var<workgroup> sums: array<f32, ${THREADS}>;

${MAIN} {
  let row = workgroup.x;
  let head = workgroup.y;
  let position = rowTable[row].y;
  let query = row * ${stride}u + head * ${size}u;
  let first = rowTable[row].z * ${capacity}u * ${keyStride}u + (head / ${group}u) * ${size}u;
  var maximum = -3.0e38;
  var sum = 0.0;
  for (var k = thread; k <= position; k += ${THREADS}u) {
    var score = 0.0;
    let key = first + k * ${keyStride}u;
    for (var i = 0u; i < ${bound(size, tuning)}; i += 1u) { score += projections[query + i] * keys[key + i]; }
    score *= ${scale};
    let higher = max(maximum, score);
    sum = sum * exp(maximum - higher) + exp(score - higher);
    maximum = higher;
  }
  maxima[thread] = maximum;
  sums[thread] = sum;
  ${reduce(
    (other) => `
      let higher = max(maxima[thread], maxima[${other}]);
      sums[thread] = sums[thread] * exp(maxima[thread] - higher) + sums[${other}] * exp(maxima[${other}] - higher);
      maxima[thread] = higher;`,
  )}
  let logSumExp = maxima[0] + log(sums[0]);
  workgroupBarrier();
  var delta = 0.0;
  for (var i = thread; i < ${size}u; i += ${THREADS}u) {
    let at = row * ${outputStride}u + head * ${size}u + i;
    delta += output[at] * outputGradient[at];
  }
  sums[thread] = delta;
  ${reduce((other) => `sums[thread] += sums[${other}];`)}
  if (thread == 0u) {
    let at = ${statisticAt(heads, 'row', 'head')};
    statistics[at] = logSumExp;
    statistics[at + 1u] = sums[0];
  }
}`,
  );
}

const BINDINGS = [
  ...[
    EXTENT,
    read('rowTable', 'vec4u'),
    read('projections', 'f32'),
    read('keys', 'f32'),
    read('values', 'f32'),
  ],
  ...[read('outputGradient', 'f32'), read('statistics', 'f32'), write('gradient', 'f32')],
];

/** WGSL: `score` and `slope`, of the probability, for one query and one key. */
const scoreAndSlope = (size: number, tuning: Tuning): string => `
      var score = 0.0;
      var slope = 0.0;
      for (var i = 0u; i < ${bound(size, tuning)}; i += 1u) {
        score += projections[query + i] * keys[key + i];
        slope += outputGradient[result + i] * values[key + i];
      }`;

/** Dimensions of a head that a thread adds up. */
const partsOf = (size: number): number[] => range(Math.ceil(size / THREADS));
const within = (size: number, part: number, line: string): string =>
  (part + 1) * THREADS <= size ? line : `if (thread + ${part * THREADS}u < ${size}u) { ${line} }`;

/** Workgroups: [rows, query heads]. */
export function queryGradientKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const { group, stride, outputStride, keyStride, size, scale } = placesOf(heads);
  const parts = partsOf(size);
  return makeKernel(
    'attention-query-gradient',
    BINDINGS,
    `
var<workgroup> slopes: array<f32, ${THREADS}>;

${MAIN} {
  let row = workgroup.x;
  let head = workgroup.y;
  let position = rowTable[row].y;
  let query = row * ${stride}u + head * ${size}u;
  let result = row * ${outputStride}u + head * ${size}u;
  let first = rowTable[row].z * ${capacity}u * ${keyStride}u + (head / ${group}u) * ${size}u;
  let statistic = ${statisticAt(heads, 'row', 'head')};
  ${parts.map((part) => `var sum${part} = 0.0;`).join(' ')}
  for (var start = 0u; start <= position; start += ${THREADS}u) {
    var value = 0.0;
    if (start + thread <= position) {
      let key = first + (start + thread) * ${keyStride}u;
      ${scoreAndSlope(size, tuning)}
      value = exp(score * ${scale} - statistics[statistic]) * (slope - statistics[statistic + 1u]) * ${scale};
    }
    slopes[thread] = value;
    workgroupBarrier();
    let end = min(${THREADS}u, position + 1u - start);
    for (var j = 0u; j < end; j += 1u) {
      let key = first + (start + j) * ${keyStride}u + thread;
      ${parts.map((part) => within(size, part, `sum${part} += slopes[j] * keys[key + ${part * THREADS}u];`)).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${parts.map((part) => within(size, part, `gradient[query + thread + ${part * THREADS}u] = sum${part};`)).join('\n  ')}
}`,
  );
}

/** The queries that see a key are those of its own row and of the rows that follow. Workgroups: [rows, key-value heads]. */
export function keyValueGradientKernel(heads: HeadShape, capacity: number, tuning: Tuning): Kernel {
  const { group, stride, outputStride, keyStride, size, scale } = placesOf(heads);
  const parts = partsOf(size);
  return makeKernel(
    'attention-key-value-gradient',
    BINDINGS,
    `
var<workgroup> slopes: array<f32, ${THREADS}>;
var<workgroup> weights: array<f32, ${THREADS}>;

${MAIN} {
  let row = workgroup.x;
  let keyHead = workgroup.y;
  let count = (rowTable[row].w + 1u) * ${group}u;
  let key = (rowTable[row].z * ${capacity}u + rowTable[row].y) * ${keyStride}u + keyHead * ${size}u;
  ${parts.map((part) => `var keySum${part} = 0.0; var valueSum${part} = 0.0;`).join(' ')}
  for (var start = 0u; start < count; start += ${THREADS}u) {
    var weight = 0.0;
    var value = 0.0;
    if (start + thread < count) {
      let queryRow = row + (start + thread) / ${group}u;
      let head = keyHead * ${group}u + (start + thread) % ${group}u;
      let query = queryRow * ${stride}u + head * ${size}u;
      let result = queryRow * ${outputStride}u + head * ${size}u;
      let statistic = ${statisticAt(heads, 'queryRow', 'head')};
      ${scoreAndSlope(size, tuning)}
      weight = exp(score * ${scale} - statistics[statistic]);
      value = weight * (slope - statistics[statistic + 1u]) * ${scale};
    }
    weights[thread] = weight;
    slopes[thread] = value;
    workgroupBarrier();
    let end = min(${THREADS}u, count - start);
    for (var j = 0u; j < end; j += 1u) {
      let queryRow = row + (start + j) / ${group}u;
      let head = keyHead * ${group}u + (start + j) % ${group}u;
      let query = queryRow * ${stride}u + head * ${size}u + thread;
      let result = queryRow * ${outputStride}u + head * ${size}u + thread;
      ${parts
        .map((part) =>
          within(
            size,
            part,
            `keySum${part} += slopes[j] * projections[query + ${part * THREADS}u]; valueSum${part} += weights[j] * outputGradient[result + ${part * THREADS}u];`,
          ),
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let to = row * ${stride}u + (${heads.queryHeads}u + keyHead) * ${size}u + thread;
  ${parts
    .map((part) =>
      within(
        size,
        part,
        `gradient[to + ${part * THREADS}u] = keySum${part}; gradient[to + ${heads.keyValueHeads * size + part * THREADS}u] = valueSum${part};`,
      ),
    )
    .join('\n  ')}
}`,
  );
}
