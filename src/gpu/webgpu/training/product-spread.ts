/**
 * Backward products on software adapters with subgroups: C[m, n] (+)= scale · Σ A(m, k)·B(k, n). A load costs there as much as dozens of
 * products, so every one is used often: a thread reads B for its own `4 · vectors` columns and multiplies it with several rows of A,
 * whose elements the threads of a subgroup load each one and hand to each other.
 */
import { bound, EXTENT, literal, makeKernel, range, type Binding, type Kernel } from '../kernel';
import type { Tuning } from '../tuning';

const THREADS = 16;

export interface SpreadForm {
  name: string;
  bindings: readonly Binding[];
  functions: string;
  /** Sizes; `rows` is the step's number of rows. */
  m: number | 'rows';
  k: number | 'rows';
  /** Threads' worth of columns; `rows`: four rows of the step each. */
  units: number | 'rows';
  /** Rows of A that a thread takes. */
  blockRows: number;
  /** Steps along k that the code spells out, 4 or 8; elements of a row of A that a subgroup reads at once. */
  steps: number;
  /** WGSL of A's element. */
  a: (m: string, k: string) => string;
  /** WGSL of the vectors of B at `k` that the thread `unit` owns. */
  b: (k: string) => string[];
  /** A factor of all of B's elements at one k, alike for four neighbouring threads: WGSL for any k. */
  factor?: (k: string) => string;
  /** WGSL of the column that vector v begins with. */
  column: (v: number) => string;
  /** WGSL of the place in `result` of row m and column n, and of whether it is there. */
  place: (m: string, n: string) => string;
  inside?: (n: string) => string;
  accumulate: boolean;
  scale: number;
}

/** Workgroups of [units, m]. */
export const spreadWorkgroups = (units: number, m: number, blockRows: number): [number, number] => [
  Math.ceil(units / THREADS),
  Math.ceil(m / blockRows),
];

const sizeOf = (size: number | 'rows', tuning: Tuning): string =>
  size === 'rows' ? 'extent.x' : bound(size, tuning);

export function spreadProductKernel(form: SpreadForm, tuning: Tuning): Kernel {
  const { steps } = form;
  const span = Math.min(steps, tuning.broadcast);
  const own = range(form.blockRows);
  const units = form.units === 'rows' ? '((extent.x + 3u) / 4u)' : bound(form.units, tuning);
  const vectors = range(form.b('0u').length);
  const exact = typeof form.k === 'number' && form.k % steps === 0;
  const within = (k: string): string => (exact ? `(${k})` : `min(${k}, depth - 1u)`);
  const lines: string[] = [];
  for (const part of range(steps / span)) {
    const at = `start + ${part * span}u + lane`;
    for (const i of own) {
      const value = form.a(`m${i}`, within(at));
      lines.push(`let x${i}_${part} = ${exact ? value : `select(0.0, ${value}, ${at} < depth)`};`);
    }
  }
  for (const step of range(steps)) {
    if (form.factor && step % 4 === 0) {
      lines.push(`let factors${step / 4} = ${form.factor(within(`start + ${step}u + (invocation & 3u)`))};`);
    }
    const factor = form.factor
      ? `let factor = quadBroadcast(factors${Math.floor(step / 4)}, ${step % 4}u);`
      : '';
    const weights = form.b(within(`start + ${step}u`)).map((vector, v) => `let b${v} = ${vector};`);
    const products = own.map((i) => {
      const x = `subgroupBroadcast(x${i}_${Math.floor(step / span)}, ${step % span}u)`;
      const sums = vectors.map((v) => `sum${i}_${v} += x * b${v};`);
      return `{ let x = ${form.factor ? `factor * ${x}` : x}; ${sums.join(' ')} }`;
    });
    lines.push(`{ ${factor} ${weights.join(' ')}\n      ${products.join('\n      ')} }`);
  }
  const stores = own.map((i) => {
    const one = vectors.map((v) => {
      const assign = form.accumulate ? '+=' : '=';
      const value = (j: number): string =>
        form.scale === 1 ? `sum${i}_${v}[${j}]` : `sum${i}_${v}[${j}] * ${literal(form.scale)}`;
      const each = range(4).map((j) => {
        const n = `n + ${j}u`;
        const store = `result[${form.place(`first + ${i}u`, `(${n})`)}] ${assign} ${value(j)};`;
        return form.inside ? `if (${form.inside(`(${n})`)}) { ${store} }` : store;
      });
      return `{ let n = ${form.column(v)}; ${each.join(' ')} }`;
    });
    return `if (first + ${i}u < m) { ${one.join('\n    ')} }`;
  });
  return makeKernel(
    form.name,
    [EXTENT, ...form.bindings],
    `
${form.functions}

@compute @workgroup_size(${THREADS})
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let m = ${sizeOf(form.m, tuning)};
  let depth = ${sizeOf(form.k, tuning)};
  let first = id.y * ${form.blockRows}u;
  let lane = invocation % ${span}u;
  // Threads beyond the last column compute what the last one computes, and store nothing.
  let unit = min(id.x, ${units} - 1u);
  ${own.map((i) => `let m${i} = min(first + ${i}u, m - 1u);`).join(' ')}
  ${own.map((i) => vectors.map((v) => `var sum${i}_${v} = vec4f();`).join(' ')).join(' ')}
  for (var start = 0u; start < depth; start += ${steps}u) {
    ${lines.join('\n    ')}
  }
  if (id.x >= ${units}) { return; }
  ${stores.join('\n  ')}
}`,
    ['subgroups'],
  );
}
