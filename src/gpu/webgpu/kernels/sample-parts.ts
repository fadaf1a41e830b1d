import { SAMPLE_PENALTY, SAMPLE_TEMPERATURE } from '../../backend';
import { SAMPLE_PARTIAL_FIELDS, samplePartials } from '../../partials';
import { threefryWgsl } from '../../threefry';
import { bound, EXTENT, makeKernel, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';

/** Barriers are dear in software. */
export const sampleThreads = ({ constantBounds }: Tuning): number => (constantBounds ? 256 : 64);

/** Blocks that a row is looked through in. */
export const sampleBlocks = (width: number, { sampleBlock }: Tuning): number =>
  Math.ceil(width / sampleBlock);

/** WGSL: where the partial results of a block begin, in vectors of four. */
export const partialAt = (width: number, row: string, block: string): string =>
  `(${row} * ${samplePartials(width) / 4}u + ${block} * ${SAMPLE_PARTIAL_FIELDS / 4}u)`;

/** What both kernels of sampling declare: workgroup memory, noise, and a row's settings. */
export const sampleDeclarations = (threads: number): string => `
const NONE = -3.0e38;
const NOBODY = 0xffffffffu;
var<workgroup> mass: array<f32, ${threads}>;
var<workgroup> peak: array<f32, ${threads}>;
var<workgroup> tail: array<f32, ${threads}>;
var<workgroup> crest: array<f32, ${threads}>;
var<workgroup> value: array<f32, ${threads}>;
var<workgroup> place: array<u32, ${threads}>;
var<workgroup> row_: vec4u;

${threefryWgsl()}

/** -log(-log(1 - v)); small v, which make large noise, by the series of the inner logarithm. */
fn gumbel(seed: vec2u, position: u32, token: u32) -> f32 {
  let v = min((f32(threefry(seed, vec2u(token, position))) + 0.5) * 0x1p-32, 0.99999994);
  let inner = select(-log(1.0 - v), v * (1.0 + v * (0.5 + v * 0.33333333)), v < 0.01);
  return -log(inner);
}

/** exp(x) of what is no larger than 0, however far below. */
fn share(x: f32) -> f32 { return exp(max(x, -100.0)); }`;

/** WGSL: the row's settings, from the row table as it is before the draw. */
export const sampleSettings = `
  if (thread == 0u) { row_ = rowTable[selected[group.x]]; }
  let row = workgroupUniformLoad(&row_);
  let slot = row.z;
  let position = row.y + 1u;
  let floats = bitcast<vec4f>(settings[2u * slot]);
  let more = settings[2u * slot + 1u];
  let greedy = floats[${SAMPLE_TEMPERATURE}] == 0.0;
  let scale = select(1.0 / floats[${SAMPLE_TEMPERATURE}], 1.0, greedy);
  let penalty = floats[${SAMPLE_PENALTY}];
  let seed = more.yz;`;

/** WGSL: leaves in the first place what the whole workgroup has; of equal values, the lowest token. */
export const reduceBest = (threads: number, tuning: Tuning, combine: string): string => `
  for (var half = ${bound(threads / 2, tuning)}; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) {
      let other = thread + half;
      ${combine}
      if (value[other] > value[thread] || (value[other] == value[thread] && place[other] < place[thread])) {
        value[thread] = value[other];
        place[thread] = place[other];
      }
    }
  }
  workgroupBarrier();`;

/** WGSL: both sums brought to the larger of two maxima. */
export const combineSums = `
      let m = max(peak[thread], peak[other]);
      mass[thread] = mass[thread] * share(peak[thread] - m) + mass[other] * share(peak[other] - m);
      peak[thread] = m;
      let t = max(crest[thread], crest[other]);
      tail[thread] = tail[thread] * share((crest[thread] - t) * scale) + tail[other] * share((crest[other] - t) * scale);
      crest[thread] = t;`;

/**
 * The first half of `SampleArguments`: one workgroup looks through one block of a row, applies the penalty, and leaves what
 * `SAMPLE_PARTIAL_FIELDS` lists: log-sum-exp, maximum, and the Gumbel winner where no filter is on. Workgroups: [rows, blocks].
 */
export function samplePartsKernel(width: number, tuning: Tuning): Kernel {
  const threads = sampleThreads(tuning);
  const words = Math.ceil(width / 32);
  return makeKernel(
    'sample-parts',
    [
      EXTENT,
      { name: 'selected', kind: 'read', type: 'array<u32>' },
      { name: 'settings', kind: 'read', type: 'array<vec4u>' },
      { name: 'rowTable', kind: 'read', type: 'array<vec4u>' },
      { name: 'seen', kind: 'read', type: 'array<u32>' },
      { name: 'logits', kind: 'write', type: 'array<f32>' },
      { name: 'partials', kind: 'write', type: 'array<vec4u>' },
    ],
    `${sampleDeclarations(threads)}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  ${sampleSettings}
  let start = group.x * ${width}u;
  let first = group.y * ${tuning.sampleBlock}u;
  let end = min(first + ${tuning.sampleBlock}u, ${width}u);
  var maximum = NONE;
  var sum = 0.0;
  var top = NONE;
  var rest = 0.0;
  var best = NONE;
  var bestPlace = NOBODY;
  for (var i = first + thread; i < end; i += ${threads}u) {
    let raw = logits[start + i];
    let x = raw * scale;
    if (x > maximum) { sum *= share(maximum - x); maximum = x; }
    sum += exp(x - maximum);
    var z = raw;
    if (penalty != 1.0) {
      if (((seen[slot * ${words}u + (i >> 5u)] >> (i & 31u)) & 1u) == 1u) {
        z = select(raw / penalty, raw * penalty, raw < 0.0);
        logits[start + i] = z;
      }
      if (z > top) { rest *= share((top - z) * scale); top = z; }
      rest += exp((z - top) * scale);
    } else {
      top = max(top, z);
    }
    let y = z * scale;
    if (greedy) {
      if (y > best) { best = y; bestPlace = i; }
    } else if (y + 23.0 > best) {
      let noisy = y + gumbel(seed, position, i);
      if (noisy > best) { best = noisy; bestPlace = i; }
    }
  }
  mass[thread] = sum;
  peak[thread] = maximum;
  tail[thread] = select(rest, sum, penalty == 1.0);
  crest[thread] = top;
  value[thread] = best;
  place[thread] = bestPlace;
  ${reduceBest(threads, tuning, combineSums)}
  if (thread != 0u) { return; }
  let at = ${partialAt(width, 'group.x', 'group.y')};
  partials[at] = bitcast<vec4u>(vec4f(mass[0], peak[0], crest[0], value[0]));
  partials[at + 1u] = vec4u(place[0], bitcast<u32>(tail[0]), 0u, 0u);
}`,
  );
}
