/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864): pair i of a head of size d turns by position · f(i) radians. The
 * scalings change the frequencies f so that a model keeps its footing beyond the positions it was trained on; they are
 * computed as transformers computes them, since that is what the checkpoints were trained and measured with.
 */

export type RopeScaling =
  | { type: 'default' }
  /** Position interpolation, arXiv 2306.15595: all frequencies ÷ factor. */
  | { type: 'linear'; factor: number }
  /** NTK-aware, by length: plain up to the original positions, beyond them a larger base. */
  | { type: 'dynamic'; factor: number; originalPositions: number }
  /** arXiv 2309.00071 §3: interpolates low frequencies, keeps high ones, with a ramp between. */
  | {
      type: 'yarn';
      factor: number;
      originalPositions: number;
      /** Turns within the original positions: above `betaFast` a pair is kept, below `betaSlow` interpolated. */
      betaFast: number;
      betaSlow: number;
      /** Whether the ramp's ends are rounded outwards to whole pairs. */
      truncate: boolean;
      /** Factor on cosines and sines, so the square of it on the attention logits (§3.4). */
      attentionFactor: number;
    }
  /** Llama 3.1: as YaRN, with the ramp over the wavelength and no attention factor. */
  | {
      type: 'llama3';
      factor: number;
      originalPositions: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
    };

export interface Rope {
  theta: number;
  scaling: RopeScaling;
}

/** θ^(−2i/d) for i < d/2. */
function plainFrequencies(theta: number, headSize: number): Float64Array {
  return Float64Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));
}

type Scaling<Type extends RopeScaling['type']> = Extract<RopeScaling, { type: Type }>;

function dynamicFrequencies(
  theta: number,
  headSize: number,
  { factor, originalPositions }: Scaling<'dynamic'>,
  length: number,
): Float64Array {
  const stretch = (factor * Math.max(length, originalPositions)) / originalPositions - (factor - 1);
  return plainFrequencies(theta * stretch ** (headSize / (headSize - 2)), headSize);
}

function yarnFrequencies(theta: number, headSize: number, scaling: Scaling<'yarn'>): Float64Array {
  const { factor, originalPositions, betaFast, betaSlow, truncate } = scaling;
  // The pair that makes so many turns within the original positions.
  const pairOfTurns = (turns: number): number =>
    (headSize * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [pairOfTurns(betaFast), pairOfTurns(betaSlow)];
  const first = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const last = Math.min(truncate ? Math.ceil(slow) : slow, headSize - 1);
  const width = last === first ? 0.001 : last - first;
  return plainFrequencies(theta, headSize).map((frequency, i) => {
    const interpolated = Math.min(Math.max((i - first) / width, 0), 1);
    return (frequency / factor) * interpolated + frequency * (1 - interpolated);
  });
}

function llama3Frequencies(theta: number, headSize: number, scaling: Scaling<'llama3'>): Float64Array {
  const { factor, originalPositions, lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
  return plainFrequencies(theta, headSize).map((frequency) => {
    const turns = (originalPositions * frequency) / (2 * Math.PI);
    if (turns > high) return frequency;
    if (turns < low) return frequency / factor;
    const kept = (turns - low) / (high - low);
    return (1 - kept) * (frequency / factor) + kept * frequency;
  });
}

/**
 * Radians per position of each pair, `[headSize / 2]`.
 * @param contextLength positions that the cache will hold. Only `dynamic` depends on it: beyond the original positions its
 *   frequencies are those of a sequence of this length, for shorter ones, too (cached keys are rotated once and for all).
 */
export function rotaryFrequencies(
  { theta, scaling }: Rope,
  headSize: number,
  contextLength: number,
): Float64Array {
  switch (scaling.type) {
    case 'default':
      return plainFrequencies(theta, headSize);
    case 'linear':
      return plainFrequencies(theta, headSize).map((frequency) => frequency / scaling.factor);
    case 'dynamic':
      return dynamicFrequencies(theta, headSize, scaling, contextLength);
    case 'yarn':
      return yarnFrequencies(theta, headSize, scaling);
    case 'llama3':
      return llama3Frequencies(theta, headSize, scaling);
    default:
      return scaling satisfies never;
  }
}

/**
 * `[contextLength, headSize]`: cosines, then sines, computed in f64 (shader trigonometry is too coarse for late positions),
 * times the attention factor of the scaling.
 */
export function rotaryAngles(rope: Rope, headSize: number, contextLength: number): Float32Array {
  const half = headSize / 2;
  const frequencies = rotaryFrequencies(rope, headSize, contextLength);
  const magnitude = rope.scaling.type === 'yarn' ? rope.scaling.attentionFactor : 1;
  const angles = new Float32Array(contextLength * headSize);
  for (let position = 0; position < contextLength; position += 1) {
    const row = position * headSize;
    frequencies.forEach((frequency, i) => {
      const angle = position * frequency;
      angles[row + i] = magnitude * Math.cos(angle);
      angles[row + half + i] = magnitude * Math.sin(angle);
    });
  }
  return angles;
}
