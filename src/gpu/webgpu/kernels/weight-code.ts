/** WGSL that reads weights of every type as f32. None of it needs a feature: f16 is unpacked by a core function. */
import { GROUP } from '../../blocks';
import { isBlockType, rowBytes, rowScales, type DType } from '../../dtype';

export type WeightType = Exclude<DType, 'u32'>;

type Vector = 'f32' | 'vec2f' | 'vec4f';
type Storage = 'f32' | 'vec4f' | 'u32' | 'vec2u' | 'vec4u';

/** How a row of weights is read in pieces; a piece is one load, or the part of it that a group is. */
export interface WeightCode {
  /** Element type of the weight's buffer. */
  storage: Storage;
  /** Loads per row, and vectors of weights per load. */
  loads: number;
  vectors: number;
  /** Type of these vectors, and so of the input that they are multiplied by. */
  vector: Vector;
  /** Vectors in a row. */
  rowVectors: number;
  /** For blocks: the index of a row's first scale is its number times this; there is one for so many loads. */
  scales: { perRow: number; loadsPerScale: number } | undefined;
  /** Functions that `vectorsOf` calls. */
  functions: string;
  /** The vectors of one load (a name), in order, without the scale. */
  vectorsOf: (load: string) => string[];
  /** For blocks: the vectors in one of a load's four words, and where each lies if the word is number `j`. */
  wordVectors: { of: (word: string) => string; at: (j: string) => string }[] | undefined;
}

/** The scale at an index: two f16 lie in a word. */
export const SCALE_FUNCTION = `
fn half_at(word: u32, index: u32) -> f32 { return unpack2x16float(word >> (16u * (index & 1u))).x; }`;

// Value j of a word, moved up to the sign bit and shifted back down with its sign. Flipping the top bit of a half byte
// takes 8 off it, read as a signed number.
export const SIGNED_BYTES = `
fn signed_bytes(w: u32) -> vec4f {
  return vec4f((vec4i(vec4u(w) << vec4u(24u, 16u, 8u, 0u))) >> vec4u(24u));
}`;
export const SIGNED_NIBBLES = `
fn low_nibbles(w: u32) -> vec4f {
  return vec4f(vec4i(vec4u(w ^ 0x88888888u) << vec4u(28u, 20u, 12u, 4u)) >> vec4u(28u));
}
fn high_nibbles(w: u32) -> vec4f {
  return vec4f(vec4i(vec4u(w ^ 0x88888888u) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(28u));
}`;

const PLACES = ['x', 'y', 'z', 'w'] as const;

export function weightCode(type: WeightType, columns: number): WeightCode {
  const plain = { scales: undefined, functions: '', wordVectors: undefined };
  if (type === 'f32') {
    const wide = columns % 4 === 0;
    const loads = wide ? columns / 4 : columns;
    const vector = wide ? 'vec4f' : 'f32';
    return {
      ...{ ...plain, storage: vector, loads, vectors: 1, vector, rowVectors: loads },
      vectorsOf: (load) => [load],
    };
  }
  if (type === 'f16') {
    const pair = (word: string): string => `unpack2x16float(${word})`;
    const quads = (load: string, places: readonly string[]): string[] =>
      places
        .filter((_, i) => i % 2 === 0)
        .map((_, i) => {
          const [a, b] = [places[2 * i] ?? '', places[2 * i + 1] ?? ''];
          return `vec4f(${pair(`${load}.${a}`)}, ${pair(`${load}.${b}`)})`;
        });
    if (columns % 4 !== 0) {
      const loads = columns / 2;
      return {
        ...{ ...plain, storage: 'u32', loads, vectors: 1, vector: 'vec2f', rowVectors: loads },
        vectorsOf: (load) => [pair(load)],
      };
    }
    const eight = columns % 8 === 0;
    return {
      ...{ ...plain, storage: eight ? 'vec4u' : 'vec2u', loads: columns / (eight ? 8 : 4) },
      ...{ vectors: eight ? 2 : 1, vector: 'vec4f', rowVectors: columns / 4 },
      vectorsOf: (load) => quads(load, eight ? PLACES : PLACES.slice(0, 2)),
    };
  }
  const loadsPerScale = type === 'q8' ? 2 : 1;
  const wordVectors =
    type === 'q8'
      ? [{ of: (word: string) => `signed_bytes(${word})`, at: (j: string) => j }]
      : [
          { of: (word: string) => `low_nibbles(${word})`, at: (j: string) => j },
          { of: (word: string) => `high_nibbles(${word})`, at: (j: string) => `(${j} + 4u)` },
        ];
  return {
    ...{ storage: 'vec4u', loads: rowBytes(type, columns) / 16, vectors: type === 'q8' ? 4 : 8 },
    ...{ vector: 'vec4f', rowVectors: columns / 4 },
    scales: { perRow: rowScales(type, columns), loadsPerScale },
    functions: SCALE_FUNCTION + (type === 'q8' ? SIGNED_BYTES : SIGNED_NIBBLES),
    wordVectors,
    vectorsOf: (load) => wordVectors.flatMap(({ of }) => PLACES.map((place) => of(`${load}.${place}`))),
  };
}

/**
 * A function `name(row, column) -> f32` that reads one weight, for kernels that fill tiles. `buffer` is of `f32` for f32,
 * of `u32` otherwise.
 */
export function weightReader(
  type: WeightType,
  columns: number,
  name: string,
  buffer: string,
  scales: string,
): string {
  const body = (): string => {
    if (type === 'f32') return `return ${buffer}[row * ${columns}u + k];`;
    if (type === 'f16') {
      return `return half_at(${buffer}[row * ${columns / 2}u + k / 2u], k);`;
    }
    const scale = `row * ${rowScales(type, columns)}u + k / ${GROUP}u`;
    const word =
      type === 'q8'
        ? `${buffer}[row * ${columns / 4}u + k / 4u] << (24u - 8u * (k & 3u))`
        : `(${buffer}[row * ${columns / 8}u + (k / ${GROUP}u) * 4u + ((k & 15u) >> 2u)] ^ 0x88888888u)
    << (28u - 8u * (k & 3u) - ((k & 16u) >> 2u))`;
    return `
  let at = ${scale};
  return f32(bitcast<i32>(${word}) >> ${type === 'q8' ? 24 : 28}u) * half_at(${scales}[at / 2u], at);`;
  };
  return `
fn ${name}(row: u32, k: u32) -> f32 { ${body()} }`;
}

/** The buffer type that `weightReader` reads. */
export const readerStorage = (type: WeightType): 'f32' | 'u32' => (type === 'f32' ? 'f32' : 'u32');

export const needsScales = (type: WeightType): boolean => isBlockType(type);
