import { EXTENT, literal, type Binding } from '../kernel';

/** One linear layer, or one shard of its weight; what both product kernels are generated from. */
export interface LinearShape {
  inputs: number;
  /** Columns that this dispatch computes. */
  outputs: number;
  /** The weight row and bias element of the first of them. */
  firstOutput: number;
  /** Where they begin in a row of the output, and how long that row is. */
  outputColumn: number;
  outputStride: number;
  /** Factor on the sum; not on the bias. */
  scale: number;
  /** Of the RMS norm on the input, if there is one. */
  epsilon: number | undefined;
  bias: boolean;
  accumulate: boolean;
  /** The weight holds 2·outputs rows, gate then up; the result is silu(gate) · up. */
  gated: boolean;
}

export interface LinearBindings {
  bindings: Binding[];
  /** The names of the optional ones, in binding order. */
  optional: ('normWeight' | 'inverseRms' | 'bias')[];
}

export interface LinearForm {
  /** Element type of input, weight and norm weight. */
  vector: 'f32' | 'vec4f';
  /** Whether output and bias are read and written four at a time. */
  wide: boolean;
  /** Whether the kernel finds the inverse RMS of its rows by itself. */
  inverseRms: 'computed' | 'given';
}

type OptionalBinding = 'normWeight' | 'inverseRms' | 'bias';

/** The optional bindings of a shape, in binding order; they follow extent, input, weight, output. */
export function optionalBindings(
  shape: LinearShape,
  inverseRms: LinearForm['inverseRms'],
): OptionalBinding[] {
  const names: OptionalBinding[] = [];
  if (shape.epsilon !== undefined) names.push('normWeight');
  if (shape.epsilon !== undefined && inverseRms === 'given') names.push('inverseRms');
  if (shape.bias) names.push('bias');
  return names;
}

export function linearBindings(shape: LinearShape, form: LinearForm): Binding[] {
  const input = `array<${form.vector}>`;
  const output = form.wide ? 'array<vec4f>' : 'array<f32>';
  const types: Record<OptionalBinding, string> = {
    normWeight: input,
    inverseRms: 'array<f32>',
    bias: output,
  };
  return [
    EXTENT,
    { name: 'input', kind: 'read', type: input },
    { name: 'weight', kind: 'read', type: input },
    { name: 'output', kind: 'write', type: output },
    ...optionalBindings(shape, form.inverseRms).map((name): Binding => ({
      name,
      kind: 'read',
      type: types[name],
    })),
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
