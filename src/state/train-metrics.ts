/** Facts about the metrics of a step that the charts draw by: what they count in, and where a healthy run keeps them. */
import { METRIC_GROUPS, type MetricGroup, type MetricName, type RunConfig } from '../train/records';

/** `share`: of 0 … 1, shown in percent. `small`: a number that may need an exponent. */
export type MetricUnit = 'plain' | 'share' | 'count' | 'tokens' | 'seconds' | 'rate' | 'bytes' | 'small';

/** Both ends belong to it; an open end is left out. */
export interface HealthyBand {
  low?: number;
  high?: number;
}

export interface MetricFacts {
  unit: MetricUnit;
  /** Where a healthy run keeps it; absent where no number tells health. */
  band?: HealthyBand | ((config: RunConfig) => HealthyBand | undefined);
  /** Among those that a group shows at first. */
  main?: true;
  /** What counts is its order of magnitude: drawn over a logarithmic axis where it passes through several. */
  magnitude?: true;
}

/** Rules of thumb: the clip fraction and KL of PPO practice (Schulman; cleanrl's guide), the gradient norms of the recipe's own clip. */
export const METRICS: Readonly<Record<MetricName, MetricFacts>> = {
  score: { unit: 'plain', main: true },
  accuracy: { unit: 'share', main: true },
  baselineAccuracy: { unit: 'share' },
  gainShare: { unit: 'share', main: true },
  lossShare: { unit: 'share' },
  formatShare: { unit: 'share', band: { low: 0.9, high: 1 } },

  policyLoss: { unit: 'small' },
  entropy: { unit: 'plain', main: true },
  clipFraction: { unit: 'share', band: { low: 0, high: 0.2 }, main: true },
  approximateKl: { unit: 'small', band: { low: -0.001, high: 0.02 } },
  referenceKl: { unit: 'small', main: true },
  klCoefficient: { unit: 'small' },
  ratioDeviation: { unit: 'small', band: { low: 0, high: 0.1 }, main: true },
  policyGradientNorm: {
    ...{ unit: 'small', magnitude: true },
    band: ({ ppo }) => ({ low: 0, high: ppo.gradientClip }),
  },
  policyLearningRate: { unit: 'small', magnitude: true },

  valueLoss: { unit: 'small', main: true, magnitude: true },
  explainedVariance: { unit: 'plain', band: { low: 0, high: 1 }, main: true },
  valueClipFraction: { unit: 'share', band: { low: 0, high: 0.2 } },
  valueGradientNorm: {
    ...{ unit: 'small', magnitude: true },
    band: ({ ppo }) => ({ low: 0, high: ppo.gradientClip }),
  },
  valueMean: { unit: 'plain' },
  returnMean: { unit: 'plain' },

  turns: { unit: 'count', main: true },
  searches: { unit: 'count' },
  selectedDocuments: { unit: 'count', main: true },
  contextTokens: { unit: 'tokens' },
  responseTokens: { unit: 'tokens' },
  invalidActions: { unit: 'count', band: { low: 0, high: 0.1 }, main: true },
  goldInContext: { unit: 'share', main: true },
  failedRollouts: { unit: 'count', band: { low: 0, high: 0 } },

  rolloutSeconds: { unit: 'seconds' },
  rewardSeconds: { unit: 'seconds' },
  logProbSeconds: { unit: 'seconds' },
  criticSeconds: { unit: 'seconds' },
  actorSeconds: { unit: 'seconds' },
  checkpointSeconds: { unit: 'seconds' },
  stepSeconds: { unit: 'seconds', main: true },
  rolloutTokensPerSecond: { unit: 'rate' },
  trainTokensPerSecond: { unit: 'rate' },
  liveBytes: { unit: 'bytes', main: true },
  heapBytes: { unit: 'bytes' },
  samplerDeviation: { unit: 'small', band: { low: 0, high: 0.05 } },
};

export const GROUPS = Object.keys(METRIC_GROUPS) as MetricGroup[];

export const groupOf = (metric: MetricName): MetricGroup =>
  GROUPS.find((group) => (METRIC_GROUPS[group] as readonly MetricName[]).includes(metric)) ?? 'system';

export function bandOf(metric: MetricName, config: RunConfig): HealthyBand | undefined {
  const { band } = METRICS[metric];
  return typeof band === 'function' ? band(config) : band;
}

/** Whether a value is where a healthy run keeps it; null where no band says. */
export function isHealthy(value: number, band: HealthyBand | undefined): boolean | null {
  if (!band || !Number.isFinite(value)) return null;
  return value >= (band.low ?? -Infinity) && value <= (band.high ?? Infinity);
}
