/** Which questions are worth learning from (arXiv 2505.14146 §4.1): those that plain RAG does not answer, without yes/no questions. */
import type { RagCache } from '../precompute/rag-cache';
import type { RewardConfig, RunConfig, TrainingQuestion } from '../records';
import type { FilterCounts } from '../worker-api';

const YES_NO = new Set(['yes', 'no', 'true', 'false']);

const isYesNo = ({ goldAnswers }: TrainingQuestion): boolean =>
  goldAnswers.some((answer) => YES_NO.has(answer.trim().toLowerCase()));

export interface Filtered {
  questions: TrainingQuestion[];
  counts: FilterCounts;
}

const measureOf = (reward: RewardConfig): string => ('accuracy' in reward ? reward.accuracy : 'genacc');

/** The first `limit` of them. */
export const takenQuestions = (
  all: readonly TrainingQuestion[],
  { questions: { limit } }: Pick<RunConfig, 'questions'>,
): readonly TrainingQuestion[] => (limit === null ? all : all.slice(0, limit));

/** The first `limit` questions, and of them what the filter leaves. Where plain RAG's answer is not known, the question stays. */
export function filterQuestions(
  all: readonly TrainingQuestion[],
  config: Pick<RunConfig, 'questions' | 'reward'>,
  cache: RagCache,
): Filtered {
  const taken = takenQuestions(all, config);
  const { filter } = config.questions;
  const counts: FilterCounts = { total: taken.length, solved: 0, yesNo: 0, unknown: 0, left: 0 };
  const exact = measureOf(config.reward) === 'em';
  const questions = taken.filter((question) => {
    if (filter && isYesNo(question)) {
      counts.yesNo += 1;
      return false;
    }
    const entry = cache.get(question.source, question.question);
    if (!entry) counts.unknown += 1;
    else if (filter && (exact ? entry.em_score : entry.score) === 1) {
      counts.solved += 1;
      return false;
    }
    return true;
  });
  counts.left = questions.length;
  return { questions, counts };
}
