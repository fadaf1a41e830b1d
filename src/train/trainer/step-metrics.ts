/** What the charts show of a step. */
import type { TraceEvent } from '../../protocol/trace';
import type { MetricName, Rollout, StepMetrics } from '../records';

/** Weighted means and totals by name. What was never added is not there. */
export class Means {
  readonly #sums = new Map<MetricName, { sum: number; weight: number }>();

  /** Seconds add up. */
  total(name: MetricName, value: number): void {
    this.#sums.set(name, { sum: (this.#sums.get(name)?.sum ?? 0) + value, weight: 1 });
  }

  add(name: MetricName, value: number | undefined, weight = 1): void {
    if (value === undefined || weight === 0) return;
    const entry = this.#sums.get(name) ?? { sum: 0, weight: 0 };
    entry.sum += value * weight;
    entry.weight += weight;
    this.#sums.set(name, entry);
  }

  all(): StepMetrics {
    return Object.fromEntries([...this.#sums].map(([name, { sum, weight }]) => [name, sum / weight]));
  }
}

const countOf = (events: readonly TraceEvent[], is: (event: TraceEvent) => boolean): number =>
  events.reduce((count, event) => count + (is(event) ? 1 : 0), 0);

/** Rewards and search behaviour, means over the rollouts that were finished. */
export function rolloutMetrics(all: readonly Rollout[], finished: readonly Rollout[]): StepMetrics {
  const means = new Means();
  for (const { reward, events, actions } of finished) {
    const { score, accuracy, baseline, goldInContext } = reward;
    means.add('score', score);
    means.add('accuracy', accuracy);
    if (baseline !== undefined) {
      means.add('baselineAccuracy', baseline);
      means.add('gainShare', accuracy > baseline ? 1 : 0);
      means.add('lossShare', accuracy < baseline ? 1 : 0);
    }
    if (goldInContext !== undefined) means.add('goldInContext', goldInContext ? 1 : 0);
    means.add(
      'responseTokens',
      actions.reduce((sum, a) => sum + a, 0),
    );
    if (events.length === 0) continue;
    const invalid = countOf(events, (event) => event.type === 'action' && event.action === 'invalid');
    means.add('invalidActions', invalid);
    means.add('formatShare', invalid === 0 ? 1 : 0);
    means.add(
      'turns',
      countOf(events, (event) => event.type === 'action'),
    );
    means.add(
      'searches',
      countOf(events, (event) => event.type === 'retrieved' && event.turn > 0),
    );
    for (const event of events) {
      if (event.type !== 'context') continue;
      means.add('selectedDocuments', event.passageIds.length);
      means.add('contextTokens', event.tokens);
    }
  }
  return { ...means.all(), failedRollouts: all.length - finished.length };
}

/** 1 − Var(R − V)/Var(R): 1 where the critic knows the returns, 0 where it knows no more than their mean; undefined without variance. */
export function explainedVariance(
  returns: ArrayLike<number>,
  values: ArrayLike<number>,
  mask: ArrayLike<number>,
): number | undefined {
  let [n, sumR, sumE, squareR, squareE] = [0, 0, 0, 0, 0];
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i] === 0) continue;
    const [r, e] = [returns[i]!, returns[i]! - values[i]!];
    n += 1;
    sumR += r;
    sumE += e;
    squareR += r * r;
    squareE += e * e;
  }
  const variance = (sum: number, squares: number): number => squares / n - (sum / n) ** 2;
  const ofReturns = n === 0 ? 0 : variance(sumR, squareR);
  return ofReturns > 1e-12 ? 1 - variance(sumE, squareE) / ofReturns : undefined;
}
