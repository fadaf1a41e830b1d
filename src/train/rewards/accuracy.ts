import { exactMatch, f1Score, spanCheck } from '../../evaluation/metrics';
import { genAcc } from '../../evaluation/gen-acc';
import type { Judge } from '../../evaluation/judge';
import { AppError } from '../../protocol/errors';
import type { AccuracyMeasure, TrainingQuestion } from '../records';

/** How good an answer to a question is, 0 … 1. */
export type Accuracy = (answer: string, question: TrainingQuestion, signal?: AbortSignal) => Promise<number>;

/** @throws AppError BAD_INPUT where the measure needs a judge and there is none */
export function accuracyBy(measure: AccuracyMeasure, judge: Judge | undefined): Accuracy {
  const requireJudge = (): Judge => {
    if (judge) return judge;
    throw new AppError('BAD_INPUT', `The measure ${measure} needs a model that judges answers.`, {
      fix: 'Choose a judge, or measure by span, em or f1.',
    });
  };
  const sync =
    (score: (answer: string, golds: readonly string[]) => number): Accuracy =>
    (answer, { goldAnswers }) =>
      Promise.resolve(score(answer, goldAnswers));
  switch (measure) {
    case 'em':
      return sync(exactMatch);
    case 'f1':
      return sync(f1Score);
    case 'span':
      return sync((answer, golds) => (spanCheck(answer, golds) ? 1 : 0));
    case 'judge': {
      const ask = requireJudge();
      return async (answer, { question, goldAnswers }, signal) =>
        (await ask({ question, answer, goldAnswers }, signal)) === true ? 1 : 0;
    }
    case 'genacc': {
      const ask = requireJudge();
      return async (answer, { question, goldAnswers }, signal) =>
        (await genAcc({ question, answer, goldAnswers }, ask, signal)).accuracy;
    }
  }
}
