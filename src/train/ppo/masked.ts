/** Means, variances and whitening over the positions of a batch where a mask is 1. */
import { AppError } from '../../protocol/errors';

/** Numbers of a batch `[sequences, length]`, row-major; or one a sequence, where that is said. */
export type Values = ArrayLike<number>;

export function maskSize(mask: Values): number {
  let size = 0;
  for (let i = 0; i < mask.length; i += 1) size += mask[i]!;
  return size;
}

/** Σ x·m; what lies where the mask is 0 does not count, not even NaN. */
export function maskedSum(x: Values, mask: Values): number {
  let sum = 0;
  for (let i = 0; i < x.length; i += 1) if (mask[i] !== 0) sum += x[i]! * mask[i]!;
  return sum;
}

/** Σ x·m / Σ m over the whole batch; 0 for an empty mask. */
export function maskedMean(x: Values, mask: Values): number {
  const size = maskSize(mask);
  return size === 0 ? 0 : maskedSum(x, mask) / size;
}

/**
 * masked_mean((x − μ)²) · N/(N − 1), the unbiased variance over the N positions of the mask (verl `masked_var`).
 * @throws AppError BAD_INPUT for fewer than two positions, which have no variance
 */
export function maskedVariance(x: Values, mask: Values): number {
  const size = maskSize(mask);
  if (size < 2) {
    throw new AppError('BAD_INPUT', `A variance needs two tokens; the batch has ${size}.`, {
      fix: 'Use a larger batch, or turn whitening off.',
    });
  }
  const mean = maskedMean(x, mask);
  let squares = 0;
  for (let i = 0; i < x.length; i += 1) if (mask[i] !== 0) squares += mask[i]! * (x[i]! - mean) ** 2;
  return squares / (size - 1);
}

/**
 * (x − μ) / √(v + 1e-8), at all positions: where the mask is 0 the result is not 0, and whoever uses it must mask
 * (verl `masked_whiten`).
 */
export function maskedWhiten(x: Values, mask: Values, { keepMean = false } = {}): Float64Array {
  const mean = maskedMean(x, mask);
  const scale = 1 / Math.sqrt(maskedVariance(x, mask) + 1e-8);
  return Float64Array.from(x, (value) => (value - mean) * scale + (keepMean ? mean : 0));
}
