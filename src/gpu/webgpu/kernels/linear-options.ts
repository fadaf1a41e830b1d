import { EXTENT, literal, type Binding } from '../kernel';
import { needsScales, type WeightType } from './weight-code';

/** One linear layer, or one shard of its weight; what both product kernels are generated from. */
export interface LinearShape {
  type: WeightType;
  inputs: number;
  /** Columns that this dispatch computes. */
  outputs: number;
  /** The row of the bound weight that the first of them is, and with a gate the row of the other bound weight. */
  weightRow: number;
  otherRow: number;
  /** The bias element of the first of them. */
  firstOutput: number;
  /** Where they begin in a row of the output, and how long that row is. */
  outputColumn: number;
  outputStride: number;
  /** Factor on the sum; not on the bias. */
  scale: number;
  /** Of the RMS norm that the kernel applies to the input; without it, the input is taken as it is. */
  epsilon: number | undefined;
  bias: boolean;
  accumulate: boolean;
  /** There are two weights, gate and up projection; the result is silu(gate) · up. */
  gated: boolean;
}

type OptionalBinding = 'scales' | 'other' | 'otherScales' | 'normWeight' | 'bias';

/** The optional bindings of a shape, in binding order; they follow extent, input, output, weight. Eight at most. */
export function optionalBindings({ type, gated, epsilon, bias }: LinearShape): OptionalBinding[] {
  const scaled = needsScales(type);
  const names: [OptionalBinding, boolean][] = [
    ['scales', scaled],
    ['other', gated],
    ['otherScales', gated && scaled],
    ['normWeight', epsilon !== undefined],
    ['bias', bias],
  ];
  return names.filter(([, used]) => used).map(([name]) => name);
}

export interface LinearTypes {
  input: string;
  weight: string;
  output: 'f32' | 'vec4f';
}

export function linearBindings(shape: LinearShape, types: LinearTypes): Binding[] {
  const optional: Record<OptionalBinding, string> = {
    scales: 'u32',
    other: types.weight,
    otherScales: 'u32',
    normWeight: types.input,
    bias: types.output,
  };
  const read = (name: string, type: string): Binding => ({ name, kind: 'read', type: `array<${type}>` });
  return [
    EXTENT,
    read('input', types.input),
    { name: 'output', kind: 'write', type: `array<${types.output}>` },
    read('weight', types.weight),
    ...optionalBindings(shape).map((name) => read(name, optional[name])),
  ];
}

/** WGSL that finishes one sum, or `width` neighbouring ones; `at` is the element's index in the output. */
export function storeResult(
  shape: LinearShape,
  value: string,
  column: string,
  at: string,
  width = 1,
): string {
  const index = (place: string): string => (width === 1 ? place : `(${place}) / ${width}u`);
  const scaled = shape.scale === 1 ? value : `(${value}) * ${literal(shape.scale)}`;
  const biased = shape.bias ? `${scaled} + bias[${index(`${shape.firstOutput}u + ${column}`)}]` : scaled;
  return `output[${index(at)}] ${shape.accumulate ? '+=' : '='} ${biased};`;
}

/** x · sigmoid(x), without overflow for large negative x. */
export const siluOf = (type: 'f32' | 'vec4f'): string =>
  `fn silu(x: ${type}) -> ${type} { return x / (1.0 + exp(-max(x, ${type}(-80.0)))); }`;
