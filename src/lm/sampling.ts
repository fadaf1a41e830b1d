/**
 * How the next token is drawn, as people ask for it. Order, as in Hugging Face's `generate`: repetition penalty, temperature, top-k,
 * softmax, top-p (a token stays while the mass of the likelier ones is below p), min-p, renormalise. Equally likely tokens stay or
 * go together. The rules themselves and their kernel are in the backends (`SampleArguments`).
 */
import { SAMPLE_MIN_P, SAMPLE_PENALTY, SAMPLE_SEED, SAMPLE_SETTINGS } from '../gpu/backend';
import { SAMPLE_TEMPERATURE, SAMPLE_TOP_K, SAMPLE_TOP_P } from '../gpu/backend';
import { argMax, keptTokens, penalise, sampleToken, weigh, type SampleSettings } from '../gpu/cpu/sample';
import { AppError } from '../protocol/errors';

export { argMax };

export interface SamplingOptions {
  /** 0 = greedy. */
  temperature: number;
  /** (0, 1]; 1 = off. */
  topP?: number;
  /** 0 = off. */
  topK?: number;
  /** [0, 1]: tokens less likely than this share of the likeliest one's probability are left out; 0 = off. */
  minP?: number;
  /** > 0; 1 = off. Divides the positive and multiplies the negative logits of tokens that prompt or answer hold already. */
  repetitionPenalty?: number;
  seed?: number;
}

export interface SampledToken {
  id: number;
  /**
   * Natural log of its probability under the model's own logits at the temperature (at 1 when greedy): no penalty, no filter. It
   * is what scoring the finished text gives.
   */
  logprob: number;
}

export interface Distribution {
  /** Token ids that can be drawn, ascending. */
  ids: Int32Array;
  /** Their probabilities, adding up to 1. */
  probabilities: Float64Array;
}

/** @throws AppError BAD_INPUT */
export function samplingSettings(options: SamplingOptions): SampleSettings {
  const { temperature, topP = 1, topK = 0, minP = 0, repetitionPenalty = 1, seed = 0 } = options;
  const refuse = (what: string): never => {
    throw new AppError('BAD_INPUT', `Sampling cannot use ${what}.`, {
      fix: 'Temperature ≥ 0, 0 < top-p ≤ 1, top-k a whole number ≥ 0, 0 ≤ min-p ≤ 1, repetition penalty > 0, seed a whole number.',
    });
  };
  if (!(temperature >= 0 && Number.isFinite(temperature))) refuse(`the temperature ${temperature}`);
  if (!(topP > 0 && topP <= 1)) refuse(`top-p ${topP}`);
  if (!Number.isSafeInteger(topK) || topK < 0) refuse(`top-k ${topK}`);
  if (!(minP >= 0 && minP <= 1)) refuse(`min-p ${minP}`);
  if (!(repetitionPenalty > 0 && Number.isFinite(repetitionPenalty))) {
    refuse(`the repetition penalty ${repetitionPenalty}`);
  }
  if (!Number.isSafeInteger(seed)) refuse(`the seed ${seed}`);
  return {
    // Below this the reciprocal would overflow in f32; the likeliest token is all that is left anyway.
    temperature: temperature < 1e-6 ? 0 : temperature,
    ...{ topP, minP, penalty: repetitionPenalty, topK: Math.min(topK, 0xffffffff) },
    // Both halves count, so that seeds above 2³² differ as well.
    seed: [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0],
  };
}

/** A row of the settings table of `sample`. */
export function encodeSettings(settings: SampleSettings): Uint32Array {
  const words = new Uint32Array(SAMPLE_SETTINGS);
  const floats = new Float32Array(words.buffer);
  floats[SAMPLE_TEMPERATURE] = settings.temperature;
  floats[SAMPLE_TOP_P] = settings.topP;
  floats[SAMPLE_MIN_P] = settings.minP;
  floats[SAMPLE_PENALTY] = settings.penalty;
  words[SAMPLE_TOP_K] = settings.topK;
  words.set(settings.seed, SAMPLE_SEED);
  return words;
}

/** A bit for every token of the vocabulary, set for those given. */
export function seenTokens(vocabulary: number, tokens: readonly number[]): Uint32Array {
  const seen = new Uint32Array(Math.ceil(vocabulary / 32));
  for (const token of tokens) seen[token >>> 5]! |= 1 << (token & 31);
  return seen;
}

/** log Σ exp(logits / temperature) */
export function logSumExp(logits: Float32Array, temperature = 1): number {
  const maximum = logits[argMax(logits)]! / temperature;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit / temperature - maximum);
  return maximum + Math.log(sum);
}

/** The distribution that a token is drawn from, where `earlier` are the tokens before it. */
export function filteredDistribution(
  logits: Float32Array,
  options: SamplingOptions,
  earlier: readonly number[] = [],
): Distribution {
  const settings = samplingSettings(options);
  const own = logits.slice();
  penalise(own, seenTokens(own.length, earlier), settings.penalty);
  if (settings.temperature === 0)
    return { ids: Int32Array.of(argMax(own)), probabilities: Float64Array.of(1) };
  const weights = weigh(own, settings.temperature);
  const ids = keptTokens(own, weights, settings);
  let mass = 0;
  for (const id of ids) mass += weights[id]!;
  return { ids, probabilities: Float64Array.from(ids, (id) => weights[id]! / mass) };
}

/** Draws one sequence's tokens from logits that lie in JavaScript. */
export class Sampler {
  readonly #settings: SampleSettings;
  readonly #earlier: readonly number[];
  #seen: Uint32Array | undefined;
  #position: number;

  /** @param earlier The tokens of the prompt, which the repetition penalty counts. */
  constructor(options: SamplingOptions, earlier: readonly number[] = []) {
    this.#settings = samplingSettings(options);
    this.#earlier = earlier;
    this.#position = earlier.length;
  }

  get greedy(): boolean {
    return this.#settings.temperature === 0;
  }

  sample(logits: Float32Array): SampledToken {
    this.#seen ??= seenTokens(logits.length, this.#earlier);
    const token = sampleToken(logits.slice(), this.#settings, this.#seen, this.#position);
    this.#position += 1;
    this.#seen[token.id >>> 5]! |= 1 << (token.id & 31);
    return token;
  }
}
