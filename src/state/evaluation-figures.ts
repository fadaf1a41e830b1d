/** What the table and the charts of an evaluation show, computed from its report and results. Pure. */
import type { ListedResult, ReportCell, ReportMetric, ReportRow } from '../evaluation/evaluation-types';
import type { Interval } from '../evaluation/significance';

/** What a row can be ordered by: its label, a data set's or the overall metric, or a cost. */
export type SortKey =
  | { by: 'label' }
  | { by: 'metric'; dataset: string | null }
  | { by: 'searches' | 'context' | 'tokens' | 'seconds' | 'failed' };

export const cellOf = (row: ReportRow, dataset: string | null): ReportCell | undefined =>
  dataset === null ? row.overall : row.datasets[dataset];

export const metricOf = (
  row: ReportRow,
  dataset: string | null,
  metric: ReportMetric,
): Interval | undefined => cellOf(row, dataset)?.metrics[metric];

/** All tokens that models read or wrote, for each answered question. */
export const tokensPerQuestion = ({ tokens, ok }: ReportCell): number => (ok > 0 ? tokens / ok : 0);

function valueOf(row: ReportRow, key: SortKey, metric: ReportMetric): number | string | undefined {
  const { overall } = row;
  switch (key.by) {
    case 'label':
      return row.system;
    case 'metric':
      return metricOf(row, key.dataset, metric)?.mean;
    case 'searches':
      return overall.searches;
    case 'context':
      return overall.contextTokens?.mean;
    case 'tokens':
      return overall.ok > 0 ? tokensPerQuestion(overall) : undefined;
    case 'seconds':
      return overall.ok > 0 ? overall.secondsPerQuestion : undefined;
    case 'failed':
      return overall.failed;
  }
}

/** Rows without a value stand last, whichever way; equal ones keep their order. */
export function sortRows(
  rows: readonly ReportRow[],
  key: SortKey,
  descending: boolean,
  metric: ReportMetric,
): ReportRow[] {
  return [...rows].sort((a, b) => {
    const [x, y] = [valueOf(a, key, metric), valueOf(b, key, metric)];
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
    const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - Number(y);
    return descending ? -order : order;
  });
}

/** Labels of the rows with the highest mean; several where they are equal as shown, none where all are. */
export function bestRows(
  rows: readonly ReportRow[],
  dataset: string | null,
  metric: ReportMetric,
): ReadonlySet<string> {
  const means = rows.flatMap((row) => {
    const mean = metricOf(row, dataset, metric)?.mean;
    return mean === undefined ? [] : [{ system: row.system, shown: Math.round(mean * 1000) }];
  });
  // Where all are alike, none is better.
  if (new Set(means.map(({ shown }) => shown)).size < 2) return new Set();
  const most = Math.max(...means.map(({ shown }) => shown));
  return new Set(means.filter(({ shown }) => shown === most).map(({ system }) => system));
}

export interface ScatterPoint {
  system: string;
  tokens: number;
  accuracy: Interval;
}

export const scatterPoints = (rows: readonly ReportRow[], metric: ReportMetric): ScatterPoint[] =>
  rows.flatMap(({ system, overall }) => {
    const accuracy = overall.metrics[metric];
    return accuracy ? [{ system, tokens: tokensPerQuestion(overall), accuracy }] : [];
  });

export interface HopsGroup {
  hops: number;
  /** By label: how many were answered and scored, and the share of right ones. */
  systems: Record<string, { count: number; accuracy: number }>;
}

/** Fewest hops first; empty where no data set says how many a question takes. */
export function byHops(results: readonly ListedResult[]): HopsGroup[] {
  const groups = new Map<number, Map<string, { count: number; sum: number }>>();
  for (const { question, result } of results) {
    if (question.hops === undefined || result.status !== 'ok') continue;
    const { accuracy } = result.metrics;
    if (accuracy === undefined) continue;
    const group = groups.get(question.hops) ?? new Map<string, { count: number; sum: number }>();
    groups.set(question.hops, group);
    const tally = group.get(result.system) ?? { count: 0, sum: 0 };
    group.set(result.system, { count: tally.count + 1, sum: tally.sum + accuracy });
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([hops, tallies]) => ({
      hops,
      systems: Object.fromEntries(
        [...tallies].map(([system, { count, sum }]) => [system, { count, accuracy: sum / count }]),
      ),
    }));
}

/** Round numbers from 0 to at least `most`, about `count` of them. */
export function ticks(most: number, count = 4): number[] {
  if (!(most > 0)) return [0, 1];
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => i * step);
}

/** One question with what every system made of it, in the order in which they came. */
export interface QuestionRow {
  key: string;
  question: ListedResult['question'];
  seed: number;
  results: ListedResult['result'][];
}

export function questionRows(results: readonly ListedResult[]): QuestionRow[] {
  const rows = new Map<string, QuestionRow>();
  for (const { question, result } of results) {
    const key = JSON.stringify([question.dataset, question.id, result.seed]);
    const row = rows.get(key);
    if (row) row.results.push(result);
    else rows.set(key, { key, question, seed: result.seed, results: [result] });
  }
  return [...rows.values()];
}
