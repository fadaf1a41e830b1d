import type { Tuning } from './tuning';

/** WGSL kernels are text made by template functions, one file per kernel; this is what they share. */

export type BindingKind = 'uniform' | 'read' | 'write';

export interface Binding {
  name: string;
  kind: BindingKind;
  /** WGSL type, for example `array<vec4f>`. */
  type: string;
}

export interface Kernel {
  name: string;
  /** In binding order. */
  bindings: readonly Binding[];
  code: string;
}

const ADDRESS_SPACE: Record<BindingKind, string> = {
  uniform: 'var<uniform>',
  read: 'var<storage, read>',
  write: 'var<storage, read_write>',
};

/** `x` is the number of rows of the step, the one thing that changes from run to run; `y` is always 0. */
export const EXTENT: Binding = { name: 'extent', kind: 'uniform', type: 'vec4u' };

/** Extensions of WGSL that a kernel may use where the device has them. */
export type WgslFeature = 'f16' | 'subgroups';

/** Puts the declarations of the bindings before a kernel's body. */
export function makeKernel(
  name: string,
  bindings: readonly Binding[],
  body: string,
  features: readonly WgslFeature[] = [],
): Kernel {
  const declarations = bindings.map(
    ({ name: variable, kind, type }, index) =>
      `@group(0) @binding(${index}) ${ADDRESS_SPACE[kind]} ${variable}: ${type};`,
  );
  const enabled = features.map((feature) => `enable ${feature};\n`).join('');
  return { name, bindings, code: `${enabled}${declarations.join('\n')}\n${body}` };
}

/** Element type for rows of `width` floats: four at a time where that comes out even. */
export function vectorOf(width: number): { type: 'vec4f' | 'f32'; lanes: number; count: number } {
  return width % 4 === 0
    ? { type: 'vec4f', lanes: 4, count: width / 4 }
    : { type: 'f32', lanes: 1, count: width };
}

/** WGSL has `dot` for vectors only. */
export const dot = (type: 'vec4f' | 'f32', a: string, b: string): string =>
  type === 'vec4f' ? `dot(${a}, ${b})` : `(${a} * ${b})`;

/** A loop bound; `extent.y` hides that it is constant from compilers that would unroll too much. */
export const bound = (count: number, { constantBounds }: Tuning): string =>
  constantBounds ? `${count}u` : `(${count}u + extent.y)`;

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A float literal of WGSL. */
export function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
