/** WGSL that reads eight weights of one row of `[out, in]`, in two vectors, for kernels whose threads own columns. */
import { GROUP } from '../../blocks';
import { rowScales } from '../../dtype';
import { SCALE_FUNCTION, SIGNED_BYTES, SIGNED_NIBBLES, type WeightType } from '../kernels/weight-code';

export interface WeightColumns {
  /** Threads that own a row's columns together. */
  units: number;
  storage: 'vec4f' | 'vec4u' | 'vec2u' | 'u32';
  functions: string;
  /** The vectors at row `k` of thread `unit`, without the scale. */
  vectors: (k: string) => string[];
  /** The scale at row `k`, of blocks. */
  scale: ((k: string) => string) | undefined;
  /** The column that vector v begins with. */
  column: (v: number) => string;
}

/** Undefined where rows do not come out even. */
export function weightColumns(type: WeightType, inputs: number): WeightColumns | undefined {
  if (inputs % 8 !== 0) return undefined;
  const units = inputs / 8;
  const eighth = { units, column: (v: number): string => `8u * unit + ${4 * v}u`, scale: undefined };
  const scaleAt = (k: string, group: string): string =>
    `scale_at(${k} * ${rowScales(type, inputs)}u + ${group})`;
  const scaleFunction = `${SCALE_FUNCTION}
fn scale_at(at: u32) -> f32 { return half_at(scales[at / 2u], at); }`;
  switch (type) {
    case 'f32':
      return {
        ...{ ...eighth, storage: 'vec4f', functions: '' },
        vectors: (k) => [0, 1].map((v) => `weight[(${k} * ${units}u + unit) * 2u + ${v}u]`),
      };
    case 'f16':
      return {
        ...{ ...eighth, storage: 'vec4u', functions: '' },
        vectors: (k) =>
          ['x', 'z'].map((place) => {
            const words = `weight[${k} * ${units}u + unit]`;
            const pair = (at: string): string => `unpack2x16float(${words}.${at})`;
            return `vec4f(${pair(place)}, ${pair(place === 'x' ? 'y' : 'w')})`;
          }),
      };
    case 'q8':
      return {
        ...{ ...eighth, storage: 'vec2u', functions: scaleFunction + SIGNED_BYTES },
        vectors: (k) => ['x', 'y'].map((place) => `signed_bytes(weight[${k} * ${units}u + unit].${place})`),
        scale: (k) => scaleAt(k, `unit / 4u`),
      };
    case 'q4':
      // A word has values 4·w … 4·w + 3 of its group in the low half bytes, and those 16 further on in the high ones.
      return {
        ...{ units, storage: 'u32', functions: scaleFunction + SIGNED_NIBBLES },
        vectors: (k) =>
          ['low_nibbles', 'high_nibbles'].map((half) => `${half}(weight[${k} * ${units}u + unit])`),
        scale: (k) => scaleAt(k, 'unit / 4u'),
        column: (v) => `(unit / 4u) * ${GROUP}u + 4u * (unit & 3u) + ${16 * v}u`,
      };
  }
}
