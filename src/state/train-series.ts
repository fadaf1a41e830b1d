/** Curves of the charts from the steps of a run: smoothed, cut at the step that is looked at, several runs over one axis. Pure. */
import type { MetricName } from '../train/records';
import type { StepSummary } from '../train/worker-api';

/** A value per step; null where the step did not measure it. */
export type Values = (number | null)[];

export const valuesOf = (steps: readonly StepSummary[], metric: MetricName): Values =>
  steps.map(({ metrics }) => {
    const value = metrics[metric];
    return value !== undefined && Number.isFinite(value) ? value : null;
  });

/**
 * Exponential moving average with the bias of its beginning taken out, as TensorBoard smooths: `weight` 0 leaves the values as
 * they are, towards 1 it looks further back. Gaps stay gaps.
 */
export function smooth(values: readonly (number | null)[], weight: number): Values {
  if (weight <= 0) return [...values];
  let mean = 0;
  let seen = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    seen++;
    return mean / (1 - weight ** seen);
  });
}

/** What lies up to and including `at`, and what lies from there on, so that both lines meet. */
export function splitAt(
  steps: readonly StepSummary[],
  values: Values,
  at: number | null,
): { before: Values; after: Values } {
  if (at === null) return { before: values, after: values.map(() => null) };
  return {
    before: values.map((value, i) => ((steps[i]?.step ?? 0) <= at ? value : null)),
    after: values.map((value, i) => ((steps[i]?.step ?? 0) >= at ? value : null)),
  };
}

/** Values laid over another axis of steps: null where the run has no such step. */
export function alignTo(axis: readonly number[], steps: readonly StepSummary[], values: Values): Values {
  const at = new Map(steps.map(({ step }, i) => [step, values[i] ?? null]));
  return axis.map((step) => at.get(step) ?? null);
}

/** Every step of every run, once, rising. */
export const axisOf = (...runs: (readonly StepSummary[])[]): number[] =>
  [...new Set(runs.flatMap((steps) => steps.map(({ step }) => step)))].sort((a, b) => a - b);

/** Over how many powers of ten curves must run before a logarithmic axis shows them better. */
const DECADES = 1.5;

/** Whether curves pass through orders of magnitude; a zero or a negative value has none. */
export function spansMagnitudes(curves: readonly Values[]): boolean {
  let low = Infinity;
  let high = 0;
  for (const values of curves) {
    for (const value of values) {
      if (value === null) continue;
      if (value <= 0) return false;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return Math.log10(high / low) >= DECADES;
}

export interface Summary {
  first: number;
  last: number;
  lowest: number;
  highest: number;
  count: number;
}

/** Null where nothing was measured. */
export function summarise(values: readonly (number | null)[]): Summary | null {
  const known = values.filter((value) => value !== null);
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return null;
  // A run may have more steps than a call takes arguments.
  const lowest = known.reduce((a, b) => Math.min(a, b));
  const highest = known.reduce((a, b) => Math.max(a, b));
  return { first, last, lowest, highest, count: known.length };
}
