import { coverMatch, scoreAnswer } from './metrics';
import type { GoldAnswers, Predictions } from './prediction-files';

export interface PredictionScore {
  id: string;
  em: number;
  f1: number;
  /** s3's span check: the tokens of some gold answer stand in the prediction in one piece. */
  acc: number;
  /** Some normalised gold answer is a substring of the prediction. */
  cover_em: number;
  /** There was no prediction: counted as wrong, and said. */
  missing?: true;
}

export interface PredictionScores {
  em: number;
  f1: number;
  acc: number;
  cover_em: number;
  n: number;
  /** Gold ids without a prediction. They count 0, as in SQuAD's script. */
  missing: number;
  /** Predictions without a gold answer; not counted. */
  unknown: number;
  each: PredictionScore[];
}

const NOTHING = { em: 0, f1: 0, acc: 0, cover_em: 0, missing: true } as const;

/** Means over all gold ids, in 0…1. */
export function scorePredictions(predictions: Predictions, gold: GoldAnswers): PredictionScores {
  const each = [...gold].map(([id, answers]): PredictionScore => {
    const prediction = predictions.get(id);
    if (prediction === undefined) return { id, ...NOTHING };
    const { em, f1, accuracy } = scoreAnswer(prediction, answers);
    return { id, em, f1, acc: accuracy, cover_em: coverMatch(prediction, answers) };
  });
  const mean = (of: (score: PredictionScore) => number): number =>
    each.reduce((sum, score) => sum + of(score), 0) / Math.max(1, each.length);
  return {
    em: mean((s) => s.em),
    f1: mean((s) => s.f1),
    acc: mean((s) => s.acc),
    cover_em: mean((s) => s.cover_em),
    n: each.length,
    missing: each.filter((s) => s.missing).length,
    unknown: [...predictions.keys()].filter((id) => !gold.has(id)).length,
    each,
  };
}
