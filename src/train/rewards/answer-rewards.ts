/** Rewards that look at the answer. */
import { AppError } from '../../protocol/errors';
import type { RagCache } from '../precompute/rag-cache';
import type { AccuracyMeasure, RolloutReward, TrainingQuestion } from '../records';
import type { Accuracy } from './accuracy';
import { isWellFormed } from './format';
import type { Episode, Reward } from './reward';
import { answerOf, eventsOf, goldInContext } from './trace-facts';

/** What every reward tells besides its score. */
async function outcome(
  episode: Episode,
  accuracy: Accuracy,
  signal: AbortSignal | undefined,
): Promise<Omit<RolloutReward, 'score'>> {
  const answer = answerOf(episode);
  const gold = goldInContext(episode);
  return {
    accuracy: await accuracy(answer, episode.question, signal),
    answer,
    ...(gold !== undefined && { goldInContext: gold }),
    wellFormed: isWellFormed(episode),
  };
}

const bonus = (format: number | undefined, { wellFormed }: Pick<RolloutReward, 'wellFormed'>): number =>
  wellFormed === true ? (format ?? 0) : 0;

export interface GainOptions {
  form: 'paper' | 'code';
  measure: AccuracyMeasure;
  accuracy: Accuracy;
  baselines: RagCache;
  /** Points for a well-formed transcript. */
  format?: number | undefined;
}

/**
 * Gain beyond RAG. `paper`: acc_s3 − acc_rag (arXiv 2505.14146, §3); `code`: 2·acc_s3 − acc_rag, which `rag_2.py` computes with both
 * flags of its trainer set. Plain RAG's answers come from the cache.
 */
export function gainBeyondRag({ form, measure, accuracy, baselines, format }: GainOptions): Reward {
  const known = new Map<string, Promise<number>>();
  const baselineOf = (question: TrainingQuestion, signal?: AbortSignal): Promise<number> => {
    const entry = baselines.get(question.source, question.question);
    if (!entry) throw missing([question], 1);
    if (measure === 'genacc') return Promise.resolve(entry.score);
    if (measure === 'em') return Promise.resolve(entry.em_score);
    if (entry.answer === null) return Promise.resolve(0);
    const key = `${question.source}\n${question.question}`;
    const made = known.get(key) ?? accuracy(entry.answer, question, signal);
    known.set(key, made);
    // What failed must not stand for the next step's.
    made.catch(() => known.delete(key));
    return made;
  };
  return {
    needsAnswer: true,
    check(questions) {
      const without = questions.filter(({ source, question }) => !baselines.get(source, question));
      if (without.length > 0) throw missing(without, questions.length);
    },
    async score(episode, signal) {
      const [told, baseline] = await Promise.all([
        outcome(episode, accuracy, signal),
        baselineOf(episode.question, signal),
      ]);
      const gain = (form === 'paper' ? 1 : 2) * told.accuracy - baseline;
      const score = gain + bonus(format, told);
      // F1 has no steps.
      return { ...told, baseline, score, ...(measure !== 'f1' && { tier: `gain ${gain}` }) };
    },
  };
}

function missing(questions: readonly TrainingQuestion[], of: number): AppError {
  const [first] = questions;
  const message =
    `What plain RAG answers is not known for ${questions.length} of ${of} questions, ` +
    `such as “${first?.question ?? ''}” of ${first?.source ?? ''}.`;
  return new AppError('NOT_FOUND', message, {
    fix: 'Precompute plain RAG’s answers for these questions, or import a rag_cache.json that has them.',
    context: { missing: questions.length, total: of },
  });
}

/** The answer’s own accuracy, and points for a well-formed transcript. */
export const answerReward = (accuracy: Accuracy, format?: number): Reward => ({
  needsAnswer: true,
  async score(episode, signal) {
    const told = await outcome(episode, accuracy, signal);
    return { ...told, score: told.accuracy + bonus(format, told) };
  },
});

/** λ_f of Search-R1 0.3: of the structure, and of a last answer. */
const STRUCTURE = 0.2;
const FINAL = 0.1;

/**
 * Search-R1's reward with format (arXiv 2505.15117): 1 for a right answer, 0.8 where its transcript is malformed; a wrong one gets 0.2
 * where it is well-formed and 0.1 where at least an answer was given. A gold answer among the results is worth nothing by itself
 * (its λ for retrieval is 0). Unlike the original, an answer counts only where the response has one.
 */
export const searchR1Reward = (accuracy: Accuracy): Reward => ({
  needsAnswer: true,
  async score(episode, signal) {
    const told = await outcome(episode, accuracy, signal);
    const answered = eventsOf(episode.events, 'action').some(
      ({ action, forced }) => action === 'answer' && forced !== true,
    );
    const { wellFormed } = told;
    if (told.accuracy > 0) {
      return {
        ...told,
        score: told.accuracy - (wellFormed ? 0 : STRUCTURE),
        tier: wellFormed ? 'right' : 'right, malformed',
      };
    }
    if (wellFormed) return { ...told, score: STRUCTURE, tier: 'wrong, well-formed' };
    return { ...told, score: answered ? FINAL : 0, tier: answered ? 'wrong' : 'no answer' };
  },
});
