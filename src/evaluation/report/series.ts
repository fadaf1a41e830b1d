/** Data of the charts: accuracy by hops, accuracy against what the answering model reads. */
import type { EvaluationQuestion, QuestionResult, ReportTable } from '../evaluation-types';
import type { Interval } from '../significance';
import { meanInterval } from './large-samples';

export interface HopPoint {
  hops: number;
  questions: number;
  accuracy: Interval;
}

export interface HopSeries {
  system: string;
  points: HopPoint[];
}

/** Of the questions whose hops are known; seeds of one question averaged first. */
export function accuracyByHops(
  systems: readonly string[],
  questions: readonly EvaluationQuestion[],
  results: readonly QuestionResult[],
): HopSeries[] {
  const hopsOf = new Map(
    questions.flatMap(({ dataset, id, hops }) =>
      hops === undefined ? [] : [[JSON.stringify([dataset, id]), hops] as const],
    ),
  );
  return systems.map((system) => {
    const byHops = new Map<number, Map<string, number[]>>();
    for (const result of results) {
      if (result.system !== system || result.status !== 'ok' || result.metrics.accuracy === undefined)
        continue;
      const key = JSON.stringify([result.dataset, result.questionId]);
      const hops = hopsOf.get(key);
      if (hops === undefined) continue;
      const values = byHops.get(hops) ?? new Map<string, number[]>();
      byHops.set(hops, values.set(key, [...(values.get(key) ?? []), result.metrics.accuracy]));
    }
    const points = [...byHops].sort(([a], [b]) => a - b);
    return {
      system,
      points: points.map(([hops, values]) => {
        const means = [...values.values()].map(
          (list) => list.reduce((sum, one) => sum + one, 0) / list.length,
        );
        return { hops, questions: means.length, accuracy: meanInterval(means) };
      }),
    };
  });
}

export interface TokenPoint {
  system: string;
  /** Mean of the answering model's context; of a system without one, of all that its model read. */
  tokens: number;
  accuracy: Interval;
}

/** Over all data sets. */
export function accuracyAgainstTokens(table: ReportTable, results: readonly QuestionResult[]): TokenPoint[] {
  return table.rows.flatMap(({ system, overall }) => {
    const { accuracy } = overall.metrics;
    if (!accuracy) return [];
    const own = results.filter((result) => result.system === system && result.status === 'ok');
    const read = own.map(({ tokens }) => tokens.context ?? tokens.searcherPrompt);
    const tokens =
      overall.contextTokens?.mean ?? read.reduce((sum, one) => sum + one, 0) / Math.max(1, read.length);
    return [{ system, tokens, accuracy }];
  });
}
