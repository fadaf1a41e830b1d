/**
 * A random rotation that costs n log n: rounds of sign flips and Walsh–Hadamard transforms over the first and the last power of two
 * of the components in turn. After it, no component says more than another, so that signs lose little (RaBitQ, Gao and Long 2024, §3).
 */
const ROUNDS = 4;

export class Rotation {
  readonly #signs: readonly Float64Array[];
  readonly #width: number;
  readonly size: number;

  /** Equal seeds rotate alike, on every machine. */
  constructor(size: number, seed: number) {
    this.size = size;
    this.#width = 2 ** Math.floor(Math.log2(size));
    let state = seed >>> 0 || 1;
    const sign = (): number => {
      // Xorshift, Marsaglia 2003.
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0x10000 ? -1 : 1;
    };
    this.#signs = Array.from({ length: ROUNDS }, () => Float64Array.from({ length: size }, sign));
  }

  /** In place. */
  apply(vector: Float64Array): void {
    const width = this.#width;
    this.#signs.forEach((signs, round) => {
      for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] ?? 0) * (signs[i] ?? 1);
      const start = round % 2 === 0 ? 0 : this.size - width;
      transform(vector.subarray(start, start + width));
    });
  }
}

/** The orthonormal Walsh–Hadamard transform of 2^n components. */
function transform(of: Float64Array): void {
  const scale = Math.SQRT1_2;
  for (let half = 1; half < of.length; half *= 2) {
    for (let start = 0; start < of.length; start += 2 * half) {
      for (let i = start; i < start + half; i += 1) {
        const [a, b] = [of[i] ?? 0, of[i + half] ?? 0];
        of[i] = (a + b) * scale;
        of[i + half] = (a - b) * scale;
      }
    }
  }
}
