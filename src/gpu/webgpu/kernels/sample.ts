import { ROW_STEP, SAMPLE_MIN_P, SAMPLE_PENALTY, SAMPLE_TEMPERATURE, SAMPLE_TOP_P } from '../../backend';
import { threefryWgsl } from '../../threefry';
import { bound, EXTENT, makeKernel, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';

const DIGITS = 256;

/**
 * See `SampleArguments`; the twin of `sampleToken` in cpu/sample.ts. One workgroup draws one row, in a few passes over its logits:
 * nothing is sorted. The first pass finds the maximum, the log-sum-exp and the Gumbel winner among all tokens, which is the token
 * where no filter is on. Top-k: the k-th largest value, digit by digit from the highest (radix select). Top-p: whether the winner is kept
 * shows in the mass of what is larger than it; if it is not, the winner among the larger ones is tried (the pivot of
 * FlashInfer's rejection sampling, with noise that stays the same, so that the draw equals one from the filtered distribution).
 * Workgroups: [rows].
 */
export function sampleKernel(width: number, tuning: Tuning): Kernel {
  // Barriers are dear in software.
  const threads = tuning.constantBounds ? 256 : 64;
  const words = Math.ceil(width / 32);
  const each = (body: string): string =>
    `for (var i = thread; i < ${bound(width, tuning)}; i += ${threads}u) { ${body} }`;
  /** Leaves in the first place what the whole workgroup has. */
  const reduce = (combine: string): string => `
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
  return makeKernel(
    'sample',
    [
      EXTENT,
      { name: 'selected', kind: 'read', type: 'array<u32>' },
      { name: 'settings', kind: 'read', type: 'array<vec4u>' },
      { name: 'rowTable', kind: 'write', type: 'array<vec4u>' },
      { name: 'seen', kind: 'write', type: 'array<u32>' },
      { name: 'logits', kind: 'write', type: 'array<f32>' },
      { name: 'output', kind: 'write', type: 'array<vec2f>' },
    ],
    `
const NONE = -3.0e38;
const NOBODY = 0xffffffffu;
var<workgroup> mass: array<f32, ${threads}>;
var<workgroup> peak: array<f32, ${threads}>;
var<workgroup> crest: array<f32, ${threads}>;
var<workgroup> value: array<f32, ${threads}>;
var<workgroup> place: array<u32, ${threads}>;
var<workgroup> digits: array<atomic<u32>, ${DIGITS}>;
var<workgroup> row_: vec4u;
var<workgroup> found: vec2u;

${threefryWgsl()}

/** -log(-log(1 - v)); small v, which make large noise, by the series of the inner logarithm. */
fn gumbel(seed: vec2u, position: u32, token: u32) -> f32 {
  let v = min((f32(threefry(seed, vec2u(token, position))) + 0.5) * 0x1p-32, 0.99999994);
  let inner = select(-log(1.0 - v), v * (1.0 + v * (0.5 + v * 0.33333333)), v < 0.01);
  return -log(inner);
}

/** Grows with x, over all floats. */
fn orderOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let start = group.x * ${width}u;
  if (thread == 0u) { row_ = rowTable[selected[group.x]]; }
  let row = workgroupUniformLoad(&row_);
  let slot = row.z;
  let position = row.y + 1u;
  let floats = bitcast<vec4f>(settings[2u * slot]);
  let more = settings[2u * slot + 1u];
  let greedy = floats[${SAMPLE_TEMPERATURE}] == 0.0;
  let scale = select(1.0 / floats[${SAMPLE_TEMPERATURE}], 1.0, greedy);
  let topP = floats[${SAMPLE_TOP_P}];
  let minP = floats[${SAMPLE_MIN_P}];
  let penalty = floats[${SAMPLE_PENALTY}];
  let topK = more.x;
  let seed = more.yz;

  // Everything about the model's own logits, the penalty, and the winner without filters.
  var maximum = NONE;
  var sum = 0.0;
  var top = NONE;
  var best = NONE;
  var bestPlace = NOBODY;
  ${each(`
    let raw = logits[start + i];
    let x = raw * scale;
    if (x > maximum) { sum *= exp(maximum - x); maximum = x; }
    sum += exp(x - maximum);
    var z = raw;
    if (penalty != 1.0 && ((seen[slot * ${words}u + (i >> 5u)] >> (i & 31u)) & 1u) == 1u) {
      z = select(raw / penalty, raw * penalty, raw < 0.0);
      logits[start + i] = z;
    }
    top = max(top, z);
    let y = z * scale;
    if (greedy) {
      if (y > best) { best = y; bestPlace = i; }
    } else if (y + 23.0 > best) {
      let noisy = y + gumbel(seed, position, i);
      if (noisy > best) { best = noisy; bestPlace = i; }
    }`)}
  // Other threads read what the penalty changed.
  storageBarrier();
  mass[thread] = sum;
  peak[thread] = maximum;
  crest[thread] = top;
  value[thread] = best;
  place[thread] = bestPlace;
  ${reduce(`
      let m = max(peak[thread], peak[other]);
      mass[thread] = mass[thread] * exp(peak[thread] - m) + mass[other] * exp(peak[other] - m);
      peak[thread] = m;
      crest[thread] = max(crest[thread], crest[other]);`)}
  let logSumExp = peak[0] + log(mass[0]);
  top = crest[0];
  var winner = workgroupUniformLoad(&place[0]);

  let limited = topK > 0u && topK < ${width}u;
  if (!greedy && (limited || topP < 1.0 || minP > 0.0)) {
    var least = 0u;
    if (limited) {
      if (thread == 0u) { found = vec2u(0u, topK); }
      for (var shift = 32u; shift > 0u; ) {
        shift -= 8u;
        for (var i = thread; i < ${bound(DIGITS, tuning)}; i += ${threads}u) { atomicStore(&digits[i], 0u); }
        let known = workgroupUniformLoad(&found);
        ${each(`
          let order = orderOf(logits[start + i]);
          if (shift == 24u || (order >> (shift + 8u)) == known.x) { atomicAdd(&digits[(order >> shift) & 255u], 1u); }`)}
        workgroupBarrier();
        if (thread == 0u) {
          // Without a break: lavapipe does not come back from one under a condition.
          var left = known.y;
          var digit = 0u;
          var searching = true;
          for (var next = ${bound(DIGITS, tuning)}; next > 0u; next -= 1u) {
            let count = atomicLoad(&digits[next - 1u]);
            if (searching && count >= left) { searching = false; digit = next - 1u; }
            if (searching) { left -= count; }
          }
          found = vec2u((known.x << 8u) | digit, left);
        }
        workgroupBarrier();
      }
      least = workgroupUniformLoad(&found).x;
    }

    // First the winner among the top k that are likely enough, and the mass of the top k. Then every round raises the bar to the winner
    // before; what is as large as the maximum is always kept.
    var total = -1.0;
    var bar = NONE;
    for (var round = 0u; round < ${bound(width + 1, tuning)}; round += 1u) {
      var larger = 0.0;
      best = NONE;
      bestPlace = NOBODY;
      ${each(`
        let z = logits[start + i];
        if (z > bar && orderOf(z) >= least) {
          let weight = exp((z - top) * scale);
          larger += weight;
          let y = z * scale;
          if (weight >= minP && y + 23.0 > best) {
            let noisy = y + gumbel(seed, position, i);
            if (noisy > best) { best = noisy; bestPlace = i; }
          }
        }`)}
      workgroupBarrier();
      mass[thread] = larger;
      value[thread] = best;
      place[thread] = bestPlace;
      ${reduce('mass[thread] += mass[other];')}
      larger = workgroupUniformLoad(&mass[0]);
      if (total >= 0.0 && larger < topP * total) { break; }
      winner = workgroupUniformLoad(&place[0]);
      if (total < 0.0) { total = larger; }
      if (topP >= 1.0 || winner == NOBODY) { break; }
      bar = logits[start + winner];
    }
  }

  if (thread != 0u) { return; }
  // Numbers that are none give no winner; the log-probability shows it.
  let token = select(winner, 0u, winner == NOBODY);
  var z = logits[start + token];
  let word = slot * ${words}u + (token >> 5u);
  if (penalty != 1.0) {
    if (((seen[word] >> (token & 31u)) & 1u) == 1u) { z = select(z * penalty, z / penalty, z < 0.0); }
    seen[word] |= 1u << (token & 31u);
  }
  output[row[${ROW_STEP}] * extent.x + group.x] = vec2f(f32(token), z * scale - logSumExp);
  rowTable[selected[group.x]] = vec4u(token, position, slot, row[${ROW_STEP}] + 1u);
}`,
  );
}
