import {
  resultKeyText,
  type EvaluationQuestion,
  type ListedResult,
  type QuestionResult,
  type ResultFilter,
} from '../evaluation-types';

const questionKey = ({ dataset, id }: { dataset: string; id: string }): string =>
  JSON.stringify([dataset, id]);

/**
 * Results with their questions, in the order of the questions; of one question by seed, then in the order of the systems.
 * @param systems labels
 */
export function filterResults(
  systems: readonly string[],
  questions: readonly EvaluationQuestion[],
  results: readonly QuestionResult[],
  filter: ResultFilter,
): ListedResult[] {
  const byQuestion = new Map<string, QuestionResult[]>();
  for (const result of results) {
    const key = questionKey({ dataset: result.dataset, id: result.questionId });
    const list = byQuestion.get(key);
    if (list) list.push(result);
    else byQuestion.set(key, [result]);
  }
  for (const list of byQuestion.values()) {
    list.sort((a, b) => a.seed - b.seed || systems.indexOf(a.system) - systems.indexOf(b.system));
  }
  const contrast = filter.rightWrong && rightWrong(results, filter.rightWrong);
  const words = filter.text?.trim().toLowerCase() ?? '';
  return questions.flatMap((question) => {
    if (filter.datasets && !filter.datasets.includes(question.dataset)) return [];
    if (filter.hops !== undefined && question.hops !== filter.hops) return [];
    if (words !== '' && !question.question.toLowerCase().includes(words)) return [];
    const own = byQuestion.get(questionKey(question)) ?? [];
    return own
      .filter((result) => filter.systems?.includes(result.system) ?? true)
      .filter((result) => filter.status === undefined || result.status === filter.status)
      .filter((result) => !contrast || contrast.has(resultKeyText(result)))
      .map((result) => ({ question, result }));
  });
}

/** Both results of every question and seed that the one has right and the other wrong. A failure is neither. */
function rightWrong(
  results: readonly QuestionResult[],
  { right, wrong }: { right: string; wrong: string },
): Set<string> {
  const byKey = new Map(results.map((result) => [resultKeyText(result), result]));
  const isRight = (result: QuestionResult | undefined): boolean | undefined =>
    result?.status !== 'ok' || result.metrics.accuracy === undefined
      ? undefined
      : result.metrics.accuracy >= 0.5;
  const kept = new Set<string>();
  for (const [key, result] of byKey) {
    if (result.system !== right || isRight(result) !== true) continue;
    const otherKey = resultKeyText({ ...result, system: wrong });
    if (isRight(byKey.get(otherKey)) === false) kept.add(key).add(otherKey);
  }
  return kept;
}
