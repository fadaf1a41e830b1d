import { ROW_STEP, SAMPLE_MIN_P, SAMPLE_TOP_P } from '../../backend';
import { bound, EXTENT, makeKernel, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';
import {
  combineSums,
  partialAt,
  reduceBest,
  sampleBlocks,
  sampleDeclarations,
  sampleSettings,
  sampleThreads,
} from './sample-parts';

const DIGITS = 256;

/**
 * The second half of `SampleArguments`, after `samplePartsKernel`; the twin of `sampleToken` in cpu/sample.ts. One workgroup draws
 * one row; nothing is sorted. Where no filter is on, what the blocks have left is the answer. Top-k: the k-th largest value, digit by
 * digit from the highest (radix select). Top-p: whether the winner is kept shows in the mass of what is larger than it; if it is not,
 * the winner among the larger ones is tried (the pivot of FlashInfer's rejection sampling, with noise that stays the same, so that the
 * draw equals one from the filtered distribution). Blocks whose largest logit is too small are not looked at: few are left.
 * Workgroups: [rows].
 */
export function sampleKernel(width: number, tuning: Tuning): Kernel {
  const threads = sampleThreads(tuning);
  const words = Math.ceil(width / 32);
  const { sampleBlock } = tuning;
  const blocks = sampleBlocks(width, tuning);
  const eachBlock = (body: string): string =>
    `for (var block = 0u; block < ${bound(blocks, tuning)}; block += 1u) { ${body} }`;
  const each = (keeps: string, body: string): string =>
    eachBlock(`
    let highest = crestOf(group.x, block);
    if (${keeps}) {
      let end = min((block + 1u) * ${sampleBlock}u, ${width}u);
      for (var i = block * ${sampleBlock}u + thread; i < end; i += ${threads}u) { ${body} }
    }`);
  return makeKernel(
    'sample',
    [
      EXTENT,
      { name: 'selected', kind: 'read', type: 'array<u32>' },
      { name: 'settings', kind: 'read', type: 'array<vec4u>' },
      { name: 'rowTable', kind: 'write', type: 'array<vec4u>' },
      { name: 'seen', kind: 'write', type: 'array<u32>' },
      { name: 'logits', kind: 'read', type: 'array<f32>' },
      { name: 'partials', kind: 'read', type: 'array<vec4u>' },
      { name: 'output', kind: 'write', type: 'array<vec2f>' },
    ],
    `${sampleDeclarations(threads)}
var<workgroup> digits: array<atomic<u32>, ${DIGITS}>;
var<workgroup> found: vec2u;
var<workgroup> kth: f32;

/** Grows with x, over all floats. */
fn orderOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}

/** The largest logit of a block. */
fn crestOf(row: u32, block: u32) -> f32 { return bitcast<f32>(partials[${partialAt(width, 'row', 'block')}].z); }

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  ${sampleSettings}
  let topP = floats[${SAMPLE_TOP_P}];
  let minP = floats[${SAMPLE_MIN_P}];
  let topK = more.x;
  let start = group.x * ${width}u;

  mass[thread] = 0.0;
  peak[thread] = NONE;
  tail[thread] = 0.0;
  crest[thread] = NONE;
  value[thread] = NONE;
  place[thread] = NOBODY;
  for (var block = thread; block < ${bound(blocks, tuning)}; block += ${threads}u) {
    let at = ${partialAt(width, 'group.x', 'block')};
    let own = bitcast<vec4f>(partials[at]);
    let more_ = partials[at + 1u];
    let m = max(peak[thread], own.y);
    mass[thread] = mass[thread] * share(peak[thread] - m) + own.x * share(own.y - m);
    peak[thread] = m;
    let t = max(crest[thread], own.z);
    tail[thread] = tail[thread] * share((crest[thread] - t) * scale) + bitcast<f32>(more_.y) * share((own.z - t) * scale);
    crest[thread] = t;
    if (own.w > value[thread]) { value[thread] = own.w; place[thread] = more_.x; }
  }
  ${reduceBest(threads, tuning, combineSums)}
  let logSumExp = peak[0] + log(mass[0]);
  let top = crest[0];
  let all = workgroupUniformLoad(&tail[0]);
  var winner = workgroupUniformLoad(&place[0]);

  let limited = topK > 0u && topK < ${width}u;
  if (!greedy && winner != NOBODY && (limited || topP < 1.0 || minP > 0.0)) {
    var least = 0u;
    if (limited) {
      // The k-th largest block maximum is no larger than the k-th largest logit.
      if (thread == 0u) { kth = NONE; found = vec2u(0u, topK); }
      workgroupBarrier();
      if (topK <= ${blocks}u) {
        for (var block = thread; block < ${bound(blocks, tuning)}; block += ${threads}u) {
          let own = crestOf(group.x, block);
          var rank = 1u;
          for (var other = 0u; other < ${bound(blocks, tuning)}; other += 1u) {
            let x = crestOf(group.x, other);
            if (x > own || (x == own && other < block)) { rank += 1u; }
          }
          if (rank == topK) { kth = own; }
        }
      }
      let lowest = workgroupUniformLoad(&kth);
      for (var shift = 32u; shift > 0u; ) {
        shift -= 8u;
        for (var i = thread; i < ${bound(DIGITS, tuning)}; i += ${threads}u) { atomicStore(&digits[i], 0u); }
        let known = workgroupUniformLoad(&found);
        ${each(
          'highest >= lowest',
          `
          let order = orderOf(logits[start + i]);
          if (shift == 24u || (order >> (shift + 8u)) == known.x) { atomicAdd(&digits[(order >> shift) & 255u], 1u); }`,
        )}
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

    // Without a top-k, the mass of all is known, and without a min-p the first winner too. Otherwise the first round finds
    // them. Then every round raises the bar to the winner before; what is as large as the maximum is always kept.
    var total = all;
    var tried = !limited && minP == 0.0;
    var bar = NONE;
    if (tried) { bar = logits[start + winner]; }
    for (var round = 0u; round < ${bound(width + 1, tuning)}; round += 1u) {
      var larger = 0.0;
      var best = NONE;
      var bestPlace = NOBODY;
      // A winner is likely enough for min-p, and so is what is larger; only the mass of the top k takes in more.
      ${each(
        'highest > bar && orderOf(highest) >= least && (limited || exp((highest - top) * scale) >= minP)',
        `
        let z = logits[start + i];
        if (z > bar && orderOf(z) >= least) {
          let weight = exp((z - top) * scale);
          larger += weight;
          let y = z * scale;
          if (weight >= minP && y + 23.0 > best) {
            let noisy = y + gumbel(seed, position, i);
            if (noisy > best) { best = noisy; bestPlace = i; }
          }
        }`,
      )}
      workgroupBarrier();
      mass[thread] = larger;
      value[thread] = best;
      place[thread] = bestPlace;
      ${reduceBest(threads, tuning, 'mass[thread] += mass[other];')}
      larger = workgroupUniformLoad(&mass[0]);
      if (tried && larger < topP * total) { break; }
      winner = workgroupUniformLoad(&place[0]);
      if (!tried && limited) { total = larger; }
      tried = true;
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
