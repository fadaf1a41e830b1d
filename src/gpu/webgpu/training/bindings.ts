import type { Binding } from '../kernel';

export const read = (name: string, type: string): Binding => ({ name, kind: 'read', type: `array<${type}>` });
export const write = (name: string, type: string): Binding => ({
  name,
  kind: 'write',
  type: `array<${type}>`,
});

/** Threads of a workgroup that works on a row's elements. */
export const THREADS = 64;

/** WGSL: adds up (or combines otherwise) a workgroup array into its first element; barriers before, between and after. */
export const reduce = (combine: (other: string) => string, threads = THREADS): string => `
  for (var half = ${threads / 2}u; half > 0u; half >>= 1u) {
    workgroupBarrier();
    if (thread < half) { ${combine('thread + half')} }
  }
  workgroupBarrier();`;
