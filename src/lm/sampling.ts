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

interface Weighed {
  /** exp((logit − maximum) / temperature) of every token. */
  weights: Float64Array;
  total: number;
  maximum: number;
}

function weigh(logits: Float32Array, temperature: number): Weighed {
  const weights = new Float64Array(logits.length);
  const maximum = logits[argMax(logits)]!;
  let total = 0;
  for (let id = 0; id < logits.length; id += 1) {
    const weight = Math.exp((logits[id]! - maximum) / temperature);
    weights[id] = weight;
    total += weight;
  }
  return { weights, total, maximum };
}

/** The distribution that a token is drawn from. */
export function filteredDistribution(logits: Float32Array, options: SamplingOptions): Distribution {
  checkOptions(options);
  if (options.temperature === 0) {
    return { ids: Int32Array.of(argMax(logits)), probabilities: Float64Array.of(1) };
  }
  return filter(logits, weigh(logits, options.temperature).weights, options);
}

function filter(logits: Float32Array, weights: Float64Array, options: SamplingOptions): Distribution {
  const { topP = 1, topK = 0 } = options;
  const threshold = kthLargest(logits, topK);
  let ids = new Int32Array(logits.length);
  let count = 0;
  for (let id = 0; id < logits.length; id += 1) {
    if (logits[id]! >= threshold && weights[id]! > 0) {
      ids[count] = id;
      count += 1;
    }
  }
  ids = ids.subarray(0, count);
  if (topP < 1) ids = nucleus(ids, weights, topP);
  let mass = 0;
  for (const id of ids) mass += weights[id]!;
  return { ids, probabilities: Float64Array.from(ids, (id) => weights[id]! / mass) };
}

/** Of equal weights at the edge, the lower ids are kept. */
function nucleus(ids: Int32Array, weights: Float64Array, topP: number): Int32Array<ArrayBuffer> {
  const sorted = Float64Array.from(ids, (id) => weights[id]!).sort();
  let total = 0;
  for (const weight of sorted) total += weight;
  let before = 0;
  let first = sorted.length;
  while (first > 0 && (first === sorted.length || before < topP * total)) {
    first -= 1;
    before += sorted[first]!;
  }
  const edge = sorted[first]!;
  let atEdge = 0;
  while (first + atEdge < sorted.length && sorted[first + atEdge] === edge) atEdge += 1;
  return ids.filter((id) => {
    if (weights[id] !== edge) return weights[id]! > edge;
    atEdge -= 1;
    return atEdge >= 0;
  });
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
    if (this.greedy) {
      const id = argMax(logits);
      return { id, logprob: logits[id]! - logSumExp(logits) };
    }
    const { temperature } = this.options;
    const { weights, total, maximum } = weigh(logits, temperature);
    const id = drawByInverseCdf(filter(logits, weights, this.options), this.#random.uniform());
    return { id, logprob: (logits[id]! - maximum) / temperature - Math.log(total) };
  }
}
