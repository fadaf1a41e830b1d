/** Intervals and tests that stay quick on thousands of questions: resampling up to a thousand, the normal distribution beyond. */
import { bootstrapInterval, meanOf, pairedTest, type Interval, type PairedTest } from '../significance';

/** From here on the bootstrap's interval and the normal one agree to a tenth of a percentage point. */
export const RESAMPLED = 1000;
const Z95 = 1.959964;

export function meanInterval(values: readonly number[]): Interval {
  if (values.length <= RESAMPLED) return bootstrapInterval(values);
  const mean = meanOf(values);
  return around(mean, Z95 * standardError(values, mean));
}

/** Of the mean over several sets' means, each with the same weight; questions are drawn within their sets. */
export function meanOfMeans(sets: readonly (readonly number[])[]): Interval {
  const filled = sets.filter((set) => set.length > 0);
  const [only] = filled;
  if (filled.length === 1 && only) return meanInterval(only);
  const means = filled.map(meanOf);
  const variance = filled.reduce((sum, set, i) => sum + standardError(set, means[i] ?? 0) ** 2, 0);
  return around(meanOf(means), (Z95 * Math.sqrt(variance)) / filled.length);
}

const around = (mean: number, half: number): Interval => ({ mean, low: mean - half, high: mean + half });

function standardError(values: readonly number[], mean: number): number {
  if (values.length < 2) return 0;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** @param a scores of one system, @param b of the other, on the same questions in the same order */
export function pairedDifference(a: readonly number[], b: readonly number[]): PairedTest {
  if (a.length <= RESAMPLED) return pairedTest(a, b);
  const differences = a.map((score, i) => score - (b[i] ?? 0));
  const difference = meanOf(differences);
  const error = standardError(differences, difference);
  const { low, high } = around(difference, Z95 * error);
  const wins = differences.filter((d) => d > 1e-12).length;
  const losses = differences.filter((d) => d < -1e-12).length;
  return {
    ...{ difference, low, high, wins, losses },
    p: error === 0 ? 1 : twoSided(Math.abs(difference) / error),
    ties: differences.length - wins - losses,
  };
}

/** Of a standard normal variable; Abramowitz and Stegun 7.1.26, to 1.5e-7. */
function twoSided(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.min(1, Math.max(0, series * Math.exp(-x * x)));
}
