/** Sampling of tokens: the reference, and what the CPU backend runs. */
import {
  ROW_FIELDS,
  ROW_POSITION,
  ROW_SLOT,
  ROW_STEP,
  ROW_TOKEN,
  SAMPLED_FIELDS,
  SAMPLE_MIN_P,
  SAMPLE_PENALTY,
  SAMPLE_SEED,
  SAMPLE_SETTINGS,
  SAMPLE_TEMPERATURE,
  SAMPLE_TOP_K,
  SAMPLE_TOP_P,
} from '../backend';
import { threefry } from '../threefry';

/** What a token is drawn with; see `SampleArguments`. */
export interface SampleSettings {
  /** 0 = greedy. */
  temperature: number;
  /** 1 = off. */
  topP: number;
  /** 0 = off. */
  minP: number;
  /** 1 = off. */
  penalty: number;
  /** 0 = off. */
  topK: number;
  seed: readonly [number, number];
}

/** `seen` has a bit for every token. */
export const isSeen = (seen: Uint32Array, token: number): boolean =>
  ((seen[token >>> 5]! >>> (token & 31)) & 1) === 1;

/** Keskar et al. 2019 (CTRL), as Hugging Face has it: what was there before becomes less likely, whatever its sign. */
export function penalise(logits: Float32Array, seen: Uint32Array, penalty: number): void {
  if (penalty === 1) return;
  for (let token = 0; token < logits.length; token += 1) {
    if (isSeen(seen, token))
      logits[token] = logits[token]! < 0 ? logits[token]! * penalty : logits[token]! / penalty;
  }
}

/** Lowest index of the maximum. */
export function argMax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i += 1) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** exp((logit − maximum) / temperature) of every token. */
export function weigh(logits: Float32Array, temperature: number): Float64Array {
  const maximum = logits[argMax(logits)]!;
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i += 1) weights[i] = Math.exp((logits[i]! - maximum) / temperature);
  return weights;
}

function kthLargest(logits: Float32Array, k: number): number {
  if (k <= 0 || k >= logits.length) return -Infinity;
  return logits.slice().sort()[logits.length - k]!;
}

/** The smallest weight that top-p keeps: the mass of all larger ones is below `topP` of the total. */
function nucleusEdge(weights: Float64Array, topP: number): number {
  const sorted = weights.sort();
  let total = 0;
  for (const weight of sorted) total += weight;
  let edge = sorted[sorted.length - 1] ?? 0;
  let larger = 0;
  for (let i = sorted.length - 1; i >= 0; i -= 1) {
    const weight = sorted[i]!;
    if (weight !== edge && larger >= topP * total) break;
    edge = weight;
    larger += weight;
  }
  return edge;
}

/**
 * Tokens that may be drawn, ascending: the top k, of these the top p, of these what is at least `minP` times as likely as the
 * likeliest. Equally likely tokens stay or go together. `weights` as `weigh` gives them.
 */
export function keptTokens(
  logits: Float32Array,
  weights: Float64Array,
  { topK, topP, minP }: Pick<SampleSettings, 'topK' | 'topP' | 'minP'>,
): Int32Array {
  const threshold = kthLargest(logits, topK);
  let ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id += 1) {
    if (!(logits[id]! >= threshold && weights[id]! > 0)) continue;
    ids[count] = id;
    count += 1;
  }
  ids = ids.subarray(0, count);
  if (topP < 1) {
    const own = new Float64Array(count);
    for (let i = 0; i < count; i += 1) own[i] = weights[ids[i]!]!;
    const edge = nucleusEdge(own, topP);
    ids = ids.filter((id) => weights[id]! >= edge);
  }
  return minP > 0 ? ids.filter((id) => weights[id]! >= minP) : ids;
}

/** Larger than any noise. */
const MOST_NOISE = 23;

/** Gumbel noise of a token at a position: −log(−log(u)), from the side where small numbers are exact. */
export function gumbel([key0, key1]: readonly [number, number], position: number, token: number): number {
  const uniform = (threefry(key0, key1, token, position) + 0.5) / 2 ** 32;
  return -Math.log(-Math.log1p(-uniform));
}

/**
 * Draws the token at `position`: the arg-max of logit / temperature + Gumbel noise over the tokens that are kept is distributed
 * as their softmax (Gumbel 1954; Maddison, Tarlow and Minka 2014). Changes `logits` where a penalty applies.
 * The log-probability is that of the model's own logits, before penalty and filters, at the temperature (at 1 when greedy).
 */
export function sampleToken(
  logits: Float32Array,
  settings: SampleSettings,
  seen: Uint32Array,
  position: number,
): { id: number; logprob: number } {
  const greedy = settings.temperature === 0;
  const temperature = greedy ? 1 : settings.temperature;
  const raw = logits.slice();
  const top = raw[argMax(raw)]!;
  let sum = 0;
  for (let i = 0; i < raw.length; i += 1) sum += Math.exp((raw[i]! - top) / temperature);
  penalise(logits, seen, settings.penalty);
  const id = greedy ? argMax(logits) : draw(logits, settings, position);
  return { id, logprob: (raw[id]! - top) / temperature - Math.log(sum) };
}

function draw(logits: Float32Array, settings: SampleSettings, position: number): number {
  const { temperature, seed } = settings;
  let best = -Infinity;
  let bestId = argMax(logits);
  for (const id of keptTokens(logits, weigh(logits, temperature), settings)) {
    const scaled = logits[id]! / temperature;
    if (scaled + MOST_NOISE <= best) continue;
    const noisy = scaled + gumbel(seed, position, id);
    if (noisy <= best) continue;
    best = noisy;
    bestId = id;
  }
  return bestId;
}

export interface SampleArrays {
  logits: Float32Array;
  selected: Uint32Array;
  settings: Uint32Array;
  rowTable: Uint32Array;
  seen: Uint32Array;
  output: Float32Array;
}

/** See `SampleArguments`. */
export function sampleRows(arrays: SampleArrays, rows: number, width: number): void {
  const { logits, selected, rowTable, output } = arrays;
  const words = Math.ceil(width / 32);
  for (let row = 0; row < rows; row += 1) {
    const at = selected[row]! * ROW_FIELDS;
    const slot = rowTable[at + ROW_SLOT]!;
    const position = rowTable[at + ROW_POSITION]! + 1;
    const step = rowTable[at + ROW_STEP]!;
    const settings = readSettings(arrays.settings, slot);
    const seen = arrays.seen.subarray(slot * words, (slot + 1) * words);
    const { id, logprob } = sampleToken(
      logits.subarray(row * width, (row + 1) * width),
      settings,
      seen,
      position,
    );
    if (settings.penalty !== 1) seen[id >>> 5]! |= 1 << (id & 31);
    output.set([id, logprob], (step * rows + row) * SAMPLED_FIELDS);
    rowTable[at + ROW_TOKEN] = id;
    rowTable[at + ROW_POSITION] = position;
    rowTable[at + ROW_STEP] = step + 1;
  }
}

function readSettings(table: Uint32Array, slot: number): SampleSettings {
  const words = table.slice(slot * SAMPLE_SETTINGS, (slot + 1) * SAMPLE_SETTINGS);
  const floats = new Float32Array(words.buffer);
  return {
    temperature: floats[SAMPLE_TEMPERATURE]!,
    topP: floats[SAMPLE_TOP_P]!,
    minP: floats[SAMPLE_MIN_P]!,
    penalty: floats[SAMPLE_PENALTY]!,
    topK: words[SAMPLE_TOP_K]!,
    seed: [words[SAMPLE_SEED]!, words[SAMPLE_SEED + 1]!],
  };
}
