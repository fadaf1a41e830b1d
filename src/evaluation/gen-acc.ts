/** Generation accuracy of s3 (arXiv 2505.14146, A.4): a gold answer stands in the answer, or the judge says that it is meant. */
import type { Judge, JudgedAnswer } from './judge';
import { spanCheck } from './metrics';

export interface GenAcc {
  /** 0 or 1. */
  accuracy: number;
  /** What settled it; `silent`: the judge would say neither yes nor no. */
  by: 'span' | 'judge' | 'silent';
}

/** The judge is asked only where no gold answer stands in the answer. */
export async function genAcc(judged: JudgedAnswer, judge: Judge, signal?: AbortSignal): Promise<GenAcc> {
  if (spanCheck(judged.answer, judged.goldAnswers)) return { accuracy: 1, by: 'span' };
  const verdict = await judge(judged, signal);
  return verdict === null ? { accuracy: 0, by: 'silent' } : { accuracy: verdict ? 1 : 0, by: 'judge' };
}
