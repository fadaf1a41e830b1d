/** What the episodes of a step say about reward and search. */
import type { TraceEvent } from '../../protocol/trace';
import type { MetricName, Rollout, StepMetrics } from '../records';

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

const count = (events: readonly TraceEvent[], test: (event: TraceEvent) => boolean): number =>
  events.filter(test).length;

/** Means over the rollouts that came to their end; `failedRollouts` counts the others. */
export function rolloutMetrics(rollouts: readonly Rollout[]): StepMetrics {
  const whole = rollouts.filter((rollout) => rollout.failed === undefined);
  const metrics: StepMetrics = { failedRollouts: rollouts.length - whole.length };
  if (whole.length === 0) return metrics;
  const put = (name: MetricName, value: (rollout: Rollout) => number | undefined): void => {
    const known = whole.map(value).filter((x) => x !== undefined);
    if (known.length > 0) metrics[name] = mean(known);
  };
  put('score', ({ reward }) => reward.score);
  put('accuracy', ({ reward }) => reward.accuracy);
  put('baselineAccuracy', ({ reward }) => reward.baseline);
  put('gainShare', ({ reward: { accuracy, baseline } }) =>
    baseline === undefined ? undefined : Number(accuracy > baseline),
  );
  put('lossShare', ({ reward: { accuracy, baseline } }) =>
    baseline === undefined ? undefined : Number(accuracy < baseline),
  );
  const invalid = (event: TraceEvent): boolean => event.type === 'action' && event.action === 'invalid';
  put('formatShare', ({ events }) => Number(!events.some(invalid)));
  put('invalidActions', ({ events }) => count(events, invalid));
  put('turns', ({ events }) => count(events, (e) => e.type === 'generated' && e.role === 'searcher'));
  put('searches', ({ events }) => count(events, (e) => e.type === 'retrieved' && e.turn > 0));
  put('selectedDocuments', ({ events }) =>
    events.reduce((sum, e) => sum + (e.type === 'selected' ? e.numbers.length : 0), 0),
  );
  put('contextTokens', ({ events }) => events.find((e) => e.type === 'context')?.tokens);
  put('responseTokens', actionTokens);
  put('goldInContext', ({ reward }) =>
    reward.goldInContext === undefined ? undefined : Number(reward.goldInContext),
  );
  return metrics;
}

/** Tokens that the policy chose. */
export const actionTokens = ({ actions }: Rollout): number => actions.reduce((sum, a) => sum + a, 0);
