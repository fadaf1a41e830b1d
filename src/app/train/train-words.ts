/** What the Train page says, put together from numbers. Pure. */
import type { MetricName, RunConfig, StepMetrics, StepRecord } from '../../train/records';
import type { FilterCounts, ListedRun, RunEstimate } from '../../train/worker-api';
import { secondsLeft, standingOf } from '../../state/train-actions';
import { FIELDS, fieldOf, TWINS } from '../../state/train-fields';
import { METRICS, isHealthy, type HealthyBand, type MetricUnit } from '../../state/train-metrics';
import { differences, readPath, type Difference, type Leaf } from '../../state/train-paths';
import type { RunView } from '../../state/train-run.svelte';
import type { Summary } from '../../state/train-series';
import { formatBytes, formatCount, formatDuration } from '../format';
import { train } from '../strings/train';
import { fieldWords, optionWords, unitWords } from '../strings/train-fields';
import { metricWords } from '../strings/train-metrics';

const MINUS = '−';
const sign = (text: string): string =>
  text.replace(/^-/, MINUS).replace(/e-/, `e${MINUS}`).replace('e+', 'e');

/** Three significant digits; very small and very large ones with an exponent. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return sign(value.toExponential(1).replace('.0e', 'e'));
  if (size >= 1000) return sign(formatCount(Math.round(value)));
  return sign(String(Number(value.toPrecision(3))));
}

export function formatMetric(value: number, unit: MetricUnit): string {
  switch (unit) {
    case 'share':
      return sign(`${(value * 100).toFixed(Math.abs(value) < 0.0995 && value !== 0 ? 1 : 0)} %`);
    case 'seconds':
      return value < 0.95
        ? `${Math.round(value * 1000)} ms`
        : `${value < 99.5 ? value.toFixed(1) : Math.round(value)} s`;
    case 'bytes':
      return formatBytes(Math.round(value));
    case 'tokens':
      return formatCount(Math.round(value));
    case 'rate':
      return `${formatCount(Math.round(value))}/s`;
    case 'count':
      return sign(value.toFixed(value !== 0 && Math.abs(value) < 0.1 ? 2 : 1));
    case 'plain':
      // Not −0.00.
      return sign((Math.abs(value) < 0.005 ? 0 : value).toFixed(2));
    case 'small':
      return formatNumber(value);
  }
}

export const metricValue = (metric: MetricName, value: number): string =>
  formatMetric(value, METRICS[metric].unit);

export function bandWords(band: HealthyBand, unit: MetricUnit): string {
  const words = train.charts;
  const { low, high } = band;
  const say = (value: number): string =>
    formatMetric(value, unit === 'plain' || unit === 'count' ? 'small' : unit);
  if (low !== undefined && high !== undefined) {
    if (low === high) return words.exactly(say(low));
    return low <= 0 && high > 0 && Math.abs(low) < high / 5
      ? words.below(say(high))
      : words.between(say(low), say(high));
  }
  return low !== undefined ? words.above(say(low)) : words.below(say(high ?? 0));
}

/** The y axis of a flat curve needs more digits than a value beside its name. */
export const tickValue = (metric: MetricName, value: number): string => {
  const { unit } = METRICS[metric];
  return formatMetric(value, unit === 'plain' || unit === 'count' ? 'small' : unit);
};

/** The chart in a sentence, for whoever does not see it. */
export function chartWords(
  metric: MetricName,
  summary: Summary | null,
  band: HealthyBand | undefined,
): string {
  const [name] = metricWords[metric];
  const words = train.charts;
  if (!summary) return `${name}: ${words.notMeasured}.`;
  const say = (value: number): string => metricValue(metric, value);
  const { count, first, last, lowest, highest } = summary;
  const told = words.summary(name, count, say(first), say(last), say(lowest), say(highest));
  const healthy = isHealthy(last, band);
  if (!band || healthy === null) return told;
  return `${told} ${words.healthy(bandWords(band, METRICS[metric].unit))} ${healthy ? words.insideNow : words.outsideNow}`;
}

/** "12 s", "3 min": how long ago; never less than a second. */
export const ago = (iso: string, now: number): string =>
  formatDuration(Math.max(1, (now - Date.parse(iso)) / 1000));

/** The run's state in words, as the parts of a line. */
export function stateParts(run: ListedRun, view: RunView, now: number): string[] {
  const words = train.bar;
  const standing = standingOf(run);
  const { steps: wanted } = run.config.ppo.run;
  const total = wanted === null ? '' : words.of(wanted);
  const parts: string[] = [];
  if (standing === 'running') {
    const { progress, loading } = view;
    parts.push(words.running(Math.max(progress?.step ?? 0, run.step + 1), total));
    if (loading) {
      const fraction = loading.total > 0 ? loading.done / loading.total : 0;
      parts.push(words.loading(loading.label, `${Math.floor(fraction * 100)} %`));
    } else if (progress && progress.step > run.step)
      parts.push(words.phase(words.phases[progress.phase], progress.done, progress.total));
    const left = secondsLeft(run, view.steps);
    if (left !== null && left > 0) parts.push(words.left(formatDuration(left)));
  } else {
    parts.push(words.standings[standing](run.step) + (standing === 'paused' ? total : ''));
  }
  const newest = run.checkpoints.at(-1);
  if (newest) {
    const at = run.checkpoints.reduce((a, b) => (b.at > a.at ? b : a), newest);
    parts.push(words.checkpoint(at.step, ago(at.at, now)));
  } else if (run.step > 0) parts.push(words.noCheckpoint);
  if (run.owner === 'here') parts.push(words.owner);
  return parts;
}

/** "about 40 s per step · 1.4 GB · 20 steps ≈ 14 min" */
export function estimateWords({ secondsPerStep, bytes, steps }: RunEstimate): string {
  const words = train.estimate;
  const per = secondsPerStep < 10 ? `${secondsPerStep.toFixed(1)} s` : formatDuration(secondsPerStep);
  return [
    words.step(per),
    words.memory(formatBytes(bytes)),
    steps === null ? words.endless : words.whole(formatCount(steps), formatDuration(steps * secondsPerStep)),
  ].join(' · ');
}

/** The parts of a set of questions in the order of the bar; those of nothing are left out. */
export const countParts = (
  counts: FilterCounts,
): { key: 'left' | 'unknown' | 'solved' | 'yesNo'; count: number }[] =>
  (['left', 'unknown', 'solved', 'yesNo'] as const)
    // What plain RAG has not tried may still be learned from; it is counted by itself here.
    .map((key) => ({ key, count: key === 'left' ? counts.left - counts.unknown : counts[key] }))
    .filter(({ count }) => count > 0);

export const fieldLabel = (path: string): string =>
  fieldWords[path]?.[0] ?? path.split('.').slice(-2).join(' ');

/** A value of the recipe as people read it. */
export function leafWords(path: string, value: Leaf): string {
  const words = train.recipe;
  if (value === null || value === undefined) return optionWords[path]?.[''] ?? words.none;
  if (typeof value === 'boolean') return value ? words.yes : words.no;
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return optionWords[path]?.[value] ?? value;
  return value.length === 0 ? words.none : value.join(', ');
}

export function withUnit(path: string, value: Leaf): string {
  const unit = fieldOf(path)?.unit;
  const said = leafWords(path, value);
  return unit && typeof value === 'number' ? `${said} ${unitWords[unit]}` : said;
}

// What is of another kind says more than another number: it comes first.
const order = new Map(
  FIELDS.map(({ path, kind }, i) => [path, kind === 'choice' || kind === 'list' ? i : i + FIELDS.length]),
);
const twinned = new Set(Object.values(TWINS));

/** What differs between two recipes and is worth telling: each number once, in the order of the form. */
export function toldDifferences(before: RunConfig, after: RunConfig): Difference[] {
  return differences(before, after)
    .filter(({ path }) => path !== 'preset')
    .filter(({ path }) => {
      if (!twinned.has(path)) return true;
      // The agent's name of a number is told only where it goes its own way.
      const [own] = Object.entries(TWINS).find(([, twin]) => twin === path) ?? [];
      return own === undefined || readPath(after, own) !== readPath(after, path);
    })
    .sort((a, b) => (order.get(a.path) ?? 999) - (order.get(b.path) ?? 999));
}

export const differenceWords = ({ path, before, after }: Difference): string =>
  `${fieldLabel(path)}: ${leafWords(path, before)} → ${leafWords(path, after)}`;

/** A step's rollouts by the tier of the reward that they reached, best first, with the width of each one's bar; none without tiers. */
export const tierParts = ({
  tiers = {},
}: Pick<StepRecord, 'tiers'>): { tier: string; share: string; width: string }[] =>
  Object.entries(tiers).map(([tier, share]) => ({
    ...{ tier, share: formatMetric(share, 'share'), width: `${(share * 100).toFixed(1)}%` },
  }));

/** The metrics of a group that a run measured, in their order. */
export const measured = <T extends MetricName>(
  names: readonly T[],
  steps: readonly { metrics: StepMetrics }[],
): T[] => names.filter((name) => steps.some(({ metrics }) => metrics[name] !== undefined));
