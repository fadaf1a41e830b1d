/**
 * Exact top-k on the device: scores of all rows, maxima of blocks of them, the k-th largest maximum by radix selection, and what is not
 * below it collected. The k-th largest of the maxima is not above the k-th largest score, so nothing is missed; the caller
 * takes the scores of what was collected again, in 64 bits.
 */
import { makeKernel, range, type Binding, type Kernel } from '../../../gpu/webgpu/kernel';

/** Rows that lie interleaved, and that one workgroup scores. */
export const TILE = 64;
/** Rows of a maximum. */
export const BLOCK = 64;
/** Workgroups along x; more than this go along y. */
export const WIDTH = 32_768;
const SELECT_THREADS = 64;

export type GpuRowType = 'f32' | 'f16' | 'int8';

/** See `ScanSizes` in scratch.ts. */
const SIZES: Binding = { name: 'sizes', kind: 'uniform', type: 'array<vec4u, 2>' };
const KEYS: Binding = { name: 'keys', kind: 'read', type: 'array<u32>' };

/** Grows with x, over all floats. */
const ORDER = `
fn orderOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}`;

/** `words` of 16 bytes that a query has for each chunk of a row. */
export const QUERY_WORDS: Record<GpuRowType, number> = { f32: 1, f16: 2, int8: 2 };

const DOT4 = `
fn dot4I8Packed_(a: u32, b: u32) -> i32 {
  var sum = 0;
  for (var at = 0u; at < 32u; at += 8u) {
    sum += extractBits(bitcast<i32>(a), at, 8u) * extractBits(bitcast<i32>(b), at, 8u);
  }
  return sum;
}`;

/** Halves as f32; those below 2⁻¹⁴ by their fraction, since devices may flush them. */
const HALVES = `
fn half(bits: u32) -> f32 {
  let size = bits & 0x7fffu;
  let value = select(bitcast<f32>((size << 13u) + 0x38000000u), f32(size) * 0x1p-24, size < 0x400u);
  return select(value, -value, (bits & 0x8000u) != 0u);
}
fn halves(word: vec2u) -> vec4f {
  return vec4f(half(word.x), half(word.x >> 16u), half(word.y), half(word.y >> 16u));
}`;

interface Form {
  helpers: string;
  /** Sums of one query; `q` is its number. */
  sums: (q: number) => string;
  step: (q: number) => string;
  result: (q: number) => string;
}

const at = (q: number, word: number, words: number): string =>
  `queries[(${q}u * chunks + chunk) * ${words}u + ${word}u]`;

/** With `packed`, the device multiplies four bytes at once. */
function formOf(dtype: GpuRowType, packed: boolean): Form {
  if (dtype === 'int8') {
    const dot = packed ? 'dot4I8Packed' : 'dot4I8Packed_';
    const four = (q: number, word: number): string => {
      const query = at(q, word, 2);
      return ['x', 'y', 'z', 'w'].map((c) => `${dot}(row.${c}, ${query}.${c})`).join(' + ');
    };
    return {
      helpers: packed ? '' : DOT4,
      sums: (q) => `var high${q} = 0; var low${q} = 0;`,
      step: (q) => `high${q} += ${four(q, 0)}; low${q} += ${four(q, 1)};`,
      result: (q) =>
        `bitcast<f32>(settings[${q}].x) * scales[index] * f32(high${q} * 128 + low${q}) + products[index]`,
    };
  }
  const products = (q: number): string =>
    dtype === 'f32'
      ? `dot(bitcast<vec4f>(row), bitcast<vec4f>(${at(q, 0, 1)}))`
      : `dot(halves(row.xy), bitcast<vec4f>(${at(q, 0, 2)})) + dot(halves(row.zw), bitcast<vec4f>(${at(q, 1, 2)}))`;
  return {
    helpers: dtype === 'f16' ? HALVES : '',
    sums: (q) => `var sum${q} = 0.0;`,
    step: (q) => `sum${q} += ${products(q)};`,
    result: (q) => `sum${q}`,
  };
}

/**
 * Scores of a shard's rows for `queries` queries at once, as ordered keys [query, row]. A tile's rows are interleaved, 16 bytes of each
 * in turn, so that neighbouring threads read neighbouring bytes. Workgroups: tiles.
 */
export function scoreKernel(dtype: GpuRowType, queries: number, packed: boolean): Kernel {
  const form = formOf(dtype, packed);
  const each = (line: (q: number) => string): string => range(queries).map(line).join('\n    ');
  const int8 = dtype === 'int8';
  return makeKernel(
    `score ${dtype} × ${queries}`,
    [
      SIZES,
      { name: 'shard', kind: 'uniform', type: 'vec4u' },
      { name: 'settings', kind: 'read', type: 'array<vec4u>' },
      { name: 'queries', kind: 'read', type: 'array<vec4u>' },
      { name: 'rows', kind: 'read', type: 'array<vec4u>' },
      ...(int8
        ? [
            { name: 'scales', kind: 'read', type: 'array<f32>' } as const,
            { name: 'products', kind: 'read', type: 'array<f32>' } as const,
          ]
        : []),
      { name: 'keys', kind: 'write', type: 'array<u32>' },
    ],
    `
${ORDER}
${form.helpers}
@compute @workgroup_size(${TILE})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = group.y * ${WIDTH}u + group.x;
  let index = tile * ${TILE}u + thread;
  // Of the shard: its first row, and how many it has.
  if (index >= shard.y) { return; }
  let total = sizes[0].x;
  let chunks = sizes[0].y;
  ${each(form.sums)}
  for (var chunk = 0u; chunk < chunks; chunk += 1u) {
    let row = rows[(tile * chunks + chunk) * ${TILE}u + thread];
    ${each(form.step)}
  }
  let place = shard.x + index;
  ${each((q) => `keys[${q}u * total + place] = orderOf(${form.result(q)});`)}
}`,
  );
}

/** Workgroups: [⌈blocks / threads⌉, queries]. */
export const maximaKernel = (): Kernel =>
  makeKernel(
    'block maxima',
    [SIZES, KEYS, { name: 'maxima', kind: 'write', type: 'array<u32>' }],
    `
@compute @workgroup_size(${TILE})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let total = sizes[0].x;
  let blocks = sizes[0].z;
  if (id.x >= blocks) { return; }
  let end = min(total, (id.x + 1u) * ${BLOCK}u);
  var largest = 0u;
  for (var row = id.x * ${BLOCK}u; row < end; row += 1u) { largest = max(largest, keys[id.y * total + row]); }
  maxima[id.y * blocks + id.x] = largest;
}`,
  );

/**
 * The key from which rows are collected: the k-th largest maximum less what sums may be wrong by, digit by digit from the highest.
 * 0, which all keys reach, where there are fewer than k blocks. Workgroups: queries.
 */
export const selectKernel = (): Kernel =>
  makeKernel(
    'radix selection',
    [
      SIZES,
      { name: 'settings', kind: 'read', type: 'array<vec4u>' },
      { name: 'maxima', kind: 'read', type: 'array<u32>' },
      { name: 'thresholds', kind: 'write', type: 'array<u32>' },
    ],
    `
var<workgroup> digits: array<atomic<u32>, 256>;
var<workgroup> found: vec2u;
${ORDER}
@compute @workgroup_size(${SELECT_THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let blocks = sizes[0].z;
  let start = group.x * blocks;
  if (thread == 0u) { found = vec2u(0u, sizes[0].w); }
  for (var shift = 24u; shift < 32u; shift -= 8u) {
    for (var digit = thread; digit < 256u; digit += ${SELECT_THREADS}u) { atomicStore(&digits[digit], 0u); }
    workgroupBarrier();
    let prefix = found.x;
    let rank = found.y;
    // Bits above the present digit, none of them at first.
    let mask = select(0xffffff00u << shift, 0u, shift == 24u);
    for (var block = thread; block < blocks; block += ${SELECT_THREADS}u) {
      let key = maxima[start + block];
      if ((key & mask) == prefix) { atomicAdd(&digits[(key >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    if (thread == 0u) {
      var left = rank;
      var digit = 255u;
      for (; digit > 0u; digit -= 1u) {
        let here = atomicLoad(&digits[digit]);
        if (here >= left) { break; }
        left -= here;
      }
      found = vec2u(prefix | (digit << shift), left);
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    let key = found.x;
    let value = bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, (key >> 31u) == 1u));
    let lowest = orderOf(value - bitcast<f32>(settings[group.x].y));
    thresholds[group.x] = select(lowest, 0u, blocks < sizes[0].w);
  }
}`,
  );

/**
 * Rows from their query's threshold on, in no order; `results` holds for each query how many there are and then the first `capacity` of
 * them. Workgroups: [⌈blocks / threads⌉, queries].
 */
export const collectKernel = (): Kernel =>
  makeKernel(
    'collection',
    [
      SIZES,
      KEYS,
      { name: 'maxima', kind: 'read', type: 'array<u32>' },
      { name: 'thresholds', kind: 'read', type: 'array<u32>' },
      { name: 'results', kind: 'write', type: 'array<atomic<u32>>' },
    ],
    `
@compute @workgroup_size(${TILE})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let total = sizes[0].x;
  let blocks = sizes[0].z;
  let capacity = sizes[1].x;
  let threshold = thresholds[id.y];
  if (id.x >= blocks || maxima[id.y * blocks + id.x] < threshold) { return; }
  let end = min(total, (id.x + 1u) * ${BLOCK}u);
  let start = id.y * (capacity + 1u);
  for (var row = id.x * ${BLOCK}u; row < end; row += 1u) {
    if (keys[id.y * total + row] < threshold) { continue; }
    let place = atomicAdd(&results[start], 1u);
    if (place < capacity) { atomicStore(&results[start + 1u + place], row); }
  }
}`,
  );
