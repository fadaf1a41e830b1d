/**
 * From logits to a token: divide by the temperature, keep the top k (ties with the k-th stay), softmax, keep the top p
 * (descending, while the mass before a token is below p), renormalise, draw by inverse CDF in token order.
 */
import { AppError } from '../protocol/errors';
import { Random } from './random';

export interface SamplingOptions {
  /** 0 = greedy. */
  temperature: number;
  /** (0, 1]; 1 = off. */
  topP?: number;
  /** 0 = off. */
  topK?: number;
  seed?: number;
}

export interface SampledToken {
  id: number;
  /** Natural log of its probability in the unfiltered softmax at the temperature (at 1 when greedy). */
  logprob: number;
}

export interface Distribution {
  /** Token ids that can be drawn, ascending. */
  ids: Int32Array;
  /** Their probabilities, adding up to 1. */
  probabilities: Float64Array;
}

function checkOptions({ temperature, topP = 1, topK = 0 }: SamplingOptions): void {
  const refuse = (what: string): never => {
    throw new AppError('BAD_INPUT', `Sampling cannot use ${what}.`, {
      fix: 'Temperature ≥ 0, 0 < top-p ≤ 1, top-k a whole number ≥ 0.',
    });
  };
  if (!(temperature >= 0 && Number.isFinite(temperature))) refuse(`the temperature ${temperature}`);
  if (!(topP > 0 && topP <= 1)) refuse(`top-p ${topP}`);
  if (!Number.isSafeInteger(topK) || topK < 0) refuse(`top-k ${topK}`);
}

/** Lowest index of the maximum. */
export function argMax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i += 1) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** log Σ exp(logits / temperature) */
export function logSumExp(logits: Float32Array, temperature = 1): number {
  const maximum = logits[argMax(logits)]! / temperature;
  let sum = 0;
  for (let i = 0; i < logits.length; i += 1) sum += Math.exp(logits[i]! / temperature - maximum);
  return maximum + Math.log(sum);
}

function kthLargest(logits: Float32Array, k: number): number {
  if (k <= 0 || k >= logits.length) return -Infinity;
  return Float32Array.from(logits).sort()[logits.length - k]!;
}

/** The distribution that a token is drawn from. */
export function filteredDistribution(logits: Float32Array, options: SamplingOptions): Distribution {
  checkOptions(options);
  const { temperature, topP = 1, topK = 0 } = options;
  if (temperature === 0) {
    return { ids: Int32Array.of(argMax(logits)), probabilities: Float64Array.of(1) };
  }
  const threshold = kthLargest(logits, topK);
  const maximum = logits[argMax(logits)]!;
  const kept: number[] = [];
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id += 1) {
    const logit = logits[id]!;
    if (!(logit >= threshold)) continue;
    const weight = Math.exp((logit - maximum) / temperature);
    if (weight === 0) continue;
    weights[id] = weight;
    total += weight;
    kept.push(id);
  }
  const ids = topP < 1 ? nucleus(kept, weights, total, topP) : kept;
  let mass = 0;
  for (const id of ids) mass += weights[id]!;
  return { ids: Int32Array.from(ids), probabilities: Float64Array.from(ids, (id) => weights[id]! / mass) };
}

function nucleus(ids: number[], weights: Float64Array, total: number, topP: number): number[] {
  // Tokens below this weight have together less than 1 − top-p, so none of them is kept: only the rest is sorted.
  const floor = ((1 - topP) * total) / ids.length;
  const order = ids.filter((id) => weights[id]! >= floor);
  order.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let before = 0;
  let count = 0;
  while (count < order.length && (count === 0 || before < topP * total)) {
    before += weights[order[count]!]!;
    count += 1;
  }
  return order.slice(0, count).sort((a, b) => a - b);
}

/** Smallest id whose cumulative probability exceeds `uniform` ∈ [0, 1). */
export function drawByInverseCdf({ ids, probabilities }: Distribution, uniform: number): number {
  let cumulative = 0;
  for (let i = 0; i < ids.length; i += 1) {
    cumulative += probabilities[i]!;
    if (cumulative > uniform) return ids[i]!;
  }
  // Rounding may leave the sum a little below 1.
  return ids[ids.length - 1]!;
}

export class Sampler {
  readonly #random: Random;

  constructor(readonly options: SamplingOptions) {
    checkOptions(options);
    this.#random = new Random(options.seed ?? 0);
  }

  get greedy(): boolean {
    return this.options.temperature === 0;
  }

  sample(logits: Float32Array): SampledToken {
    const temperature = this.options.temperature || 1;
    const id = this.greedy
      ? argMax(logits)
      : drawByInverseCdf(filteredDistribution(logits, this.options), this.#random.uniform());
    return { id, logprob: logits[id]! / temperature - logSumExp(logits, temperature) };
  }
}
