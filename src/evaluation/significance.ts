/** How sure a mean over questions is, and whether two systems differ on the same ones. Seeded, so that a report can be made again. */
import { AppError } from '../protocol/errors';

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** A stream of numbers in [0, 1) (mulberry32). */
export function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Percentile bootstrap (Efron 1979): the mean of as many values drawn with replacement, `draws` times; the middle `level` of these.
 * @throws AppError `BAD_INPUT` without values
 */
export function bootstrapInterval(
  values: readonly number[],
  { level = 0.95, draws = 2000, seed = 0 }: { level?: number; draws?: number; seed?: number } = {},
): Interval {
  if (values.length === 0) throw nothingToCompare();
  const random = randomStream(seed);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)] ?? 0;
    means[draw] = sum / values.length;
  }
  means.sort();
  const tail = (1 - level) / 2;
  return { mean: meanOf(values), low: quantile(means, tail), high: quantile(means, 1 - tail) };
}

/** Between the two nearest values of a sorted list, in proportion. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = Math.min(1, Math.max(0, share)) * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  return below + ((sorted[Math.ceil(at)] ?? 0) - below) * (at - Math.floor(at));
}

export interface PairedTest {
  /** Mean of a − b. */
  difference: number;
  low: number;
  high: number;
  /** Two-sided: how often chance alone would give a difference as large. */
  p: number;
  wins: number;
  losses: number;
  ties: number;
}

/** Differences that cannot be told apart in floating point are equal. */
const CLOSE = 1e-12;
/** Up to so many questions on which the systems differ, every exchange is tried. */
const EXACT = 16;

/**
 * Fisher's randomisation test on paired scores: under the null hypothesis each question's two scores may be exchanged. Exact for up to
 * 16 differing questions, else by `draws` random exchanges with the usual + 1; the interval is the bootstrap's.
 * @param a scores of one system by question, @param b of the other on the same questions in the same order
 */
export function pairedTest(
  a: readonly number[],
  b: readonly number[],
  { level = 0.95, draws = 10_000, seed = 0 }: { level?: number; draws?: number; seed?: number } = {},
): PairedTest {
  if (a.length !== b.length) {
    throw new AppError('BAD_INPUT', `${a.length} scores cannot be paired with ${b.length}.`, {
      fix: 'Compare systems on the same questions.',
    });
  }
  const differences = a.map((score, i) => score - (b[i] ?? 0));
  const { mean: difference, low, high } = bootstrapInterval(differences, { level, seed });
  const differing = differences.filter((d) => Math.abs(d) > CLOSE);
  const wins = differing.filter((d) => d > 0).length;
  return {
    difference,
    low,
    high,
    p: randomisationP(differing, draws, seed),
    wins,
    losses: differing.length - wins,
    ties: differences.length - differing.length,
  };
}

function randomisationP(differences: readonly number[], draws: number, seed: number): number {
  const count = differences.length;
  if (count === 0) return 1;
  const observed = Math.abs(differences.reduce((sum, d) => sum + d, 0)) - CLOSE * count;
  if (count <= EXACT) {
    let extreme = 0;
    for (let signs = 0; signs < 2 ** count; signs++) {
      const sum = differences.reduce((total, d, i) => total + ((signs >> i) & 1 ? -d : d), 0);
      if (Math.abs(sum) >= observed) extreme++;
    }
    return extreme / 2 ** count;
  }
  const random = randomStream(seed);
  let extreme = 0;
  for (let draw = 0; draw < draws; draw++) {
    const sum = differences.reduce((total, d) => total + (random() < 0.5 ? -d : d), 0);
    if (Math.abs(sum) >= observed) extreme++;
  }
  return (extreme + 1) / (draws + 1);
}

const nothingToCompare = (): AppError =>
  new AppError('BAD_INPUT', 'There are no scores.', { fix: 'Score at least one question.' });
