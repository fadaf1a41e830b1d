/** What there is to run, in which order, and what of it is left. */
import {
  resultKeyText,
  type EvaluatedSystem,
  type EvaluationQuestion,
  type QuestionResult,
  type ResultKey,
} from '../evaluation-types';

export interface Unit extends ResultKey {
  /** `resultKeyText` of it. */
  key: string;
  of: EvaluatedSystem;
  question: EvaluationQuestion;
}

/**
 * Every system on every question for every seed. All systems of a question stand together and the data sets take turns, so that a run that
 * is stopped early has compared the systems on the same questions of all sets.
 */
export function planUnits(
  systems: readonly EvaluatedSystem[],
  questions: readonly EvaluationQuestion[],
  seeds: readonly number[],
): Unit[] {
  const ordered = takingTurns(questions);
  return seeds.flatMap((seed) =>
    ordered.flatMap((question) =>
      systems.map((of): Unit => {
        const key = { system: of.label, dataset: question.dataset, questionId: question.id, seed };
        return { ...key, key: resultKeyText(key), of, question };
      }),
    ),
  );
}

/** By how far into its data set a question stands. */
function takingTurns(questions: readonly EvaluationQuestion[]): EvaluationQuestion[] {
  const sizes = new Map<string, number>();
  for (const { dataset } of questions) sizes.set(dataset, (sizes.get(dataset) ?? 0) + 1);
  const seen = new Map<string, number>();
  return questions
    .map((question) => {
      const before = seen.get(question.dataset) ?? 0;
      seen.set(question.dataset, before + 1);
      return { question, at: (before + 0.5) / (sizes.get(question.dataset) ?? 1) };
    })
    .sort((a, b) => a.at - b.at)
    .map(({ question }) => question);
}

/** The newest result of each key, in the order in which the keys first came. */
export function newestResults(results: readonly QuestionResult[]): Map<string, QuestionResult> {
  return new Map(results.map((result) => [resultKeyText(result), result]));
}

/** `unrun`: without any result. `failed`: whose newest result is a failure. */
export function remainingUnits(
  units: readonly Unit[],
  results: ReadonlyMap<string, QuestionResult>,
  what: 'unrun' | 'failed',
): Unit[] {
  return units.filter(({ key }) =>
    what === 'unrun' ? !results.has(key) : results.get(key)?.status === 'failed',
  );
}
