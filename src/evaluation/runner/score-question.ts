/** What one finished run is worth: its answer against the gold answers, its documents against the gold passages, and what it took. */
import type { LanguageModel } from '../../protocol/language-model';
import type { TraceEvent } from '../../protocol/trace';
import { answerChoice } from '../answer-choice';
import type {
  AccuracyRule,
  EvaluationQuestion,
  QuestionMetrics,
  RetrievalMetrics,
  TokenCounts,
} from '../evaluation-types';
import { createJudge } from '../judge';
import { coverMatch, scoreAnswer } from '../metrics';
import { allGoldAt, ndcgAt, recallAt, reciprocalRank } from '../retrieval-metrics';

export type SettledRule = Exclude<AccuracyRule, 'auto'>;

/** Whether an answer means the same as a gold one; null: it would not say. */
export type AskJudge = (
  question: EvaluationQuestion,
  answer: string,
  signal: AbortSignal,
) => Promise<boolean | null>;

/** s3's judge; for multiple choice that of its MIRAGE scripts, which sees the question. */
export function judgeWith(model: LanguageModel): AskJudge {
  const judges = { genacc: createJudge(model, 'genacc'), mirage: createJudge(model, 'mirage') };
  return ({ question, goldAnswers, options }, answer, signal) =>
    judges[options ? 'mirage' : 'genacc']({ question, answer, goldAnswers }, signal);
}

/** What `auto` stands for. */
export function settledRule(rule: AccuracyRule, multipleChoice: boolean, judge: boolean): SettledRule {
  if (rule !== 'auto') return rule;
  if (multipleChoice) return judge ? 'judge' : 'choice';
  return judge ? 'genacc' : 'span';
}

const one = (yes: boolean): number => (yes ? 1 : 0);

/** The letter that is right: MIRAGE's gold answers are `B: …`. */
export const goldLetter = (question: EvaluationQuestion): string | undefined =>
  /^([A-Za-z]):/.exec(question.goldAnswers[0] ?? '')?.[1];

/** The judge is asked only where its word can change something. */
export async function scoreQuestion(
  question: EvaluationQuestion,
  answer: string,
  events: readonly TraceEvent[],
  rule: SettledRule,
  askJudge: AskJudge | undefined,
  signal: AbortSignal,
): Promise<QuestionMetrics> {
  const retrieval = retrievalMetrics(question, events);
  const found = retrieval && { retrieval };
  if (question.goldAnswers.length === 0) return { ...found };
  const { em, f1, accuracy: span } = scoreAnswer(answer, question.goldAnswers);
  const { options } = question;
  const chosen = options && answerChoice(answer, options);
  const choice = options && one(chosen !== undefined && chosen === goldLetter(question));
  const asked = rule === 'judge' || (rule === 'genacc' && span === 0);
  const verdict = asked && askJudge ? await askJudge(question, answer, signal) : undefined;
  const judge = verdict === undefined || verdict === null ? verdict : one(verdict);
  const accuracy = {
    em,
    span,
    choice: choice ?? 0,
    judge: judge ?? 0,
    genacc: Math.max(span, judge ?? 0),
  }[rule];
  return {
    accuracy,
    em,
    f1,
    coverEm: coverMatch(answer, question.goldAnswers),
    span,
    ...(judge !== undefined && { judge }),
    ...(choice !== undefined && { choice }),
    ...found,
  };
}

function retrievalMetrics(
  { goldIds = [], relevance = {} }: EvaluationQuestion,
  events: readonly TraceEvent[],
): RetrievalMetrics | undefined {
  const retrieved = events.filter((event) => event.type === 'retrieved');
  if (goldIds.length === 0 || retrieved.length === 0) return undefined;
  const judged = new Map(goldIds.map((id) => [id, relevance[id] ?? 1]));
  const found = [...new Set(retrieved.flatMap(({ documents }) => documents.map((d) => d.passageId)))];
  // A system that answers by itself has no context of its own: it has read what it was shown.
  const read = events.find((event) => event.type === 'context')?.passageIds ?? found;
  return {
    recall: recallAt(found, judged, found.length),
    ndcg: ndcgAt(found, judged),
    mrr: reciprocalRank(found, judged),
    allGold: allGoldAt(found, judged, found.length),
    inContext: one(goldIds.every((id) => read.includes(id))),
  };
}

export interface RunCounts {
  tokens: TokenCounts;
  searches: number;
  turns: number;
  calls: number;
  notes: string[];
}

/** Of a run, finished or not. */
export function countRun(events: readonly TraceEvent[]): RunCounts {
  const generated = events.filter((event) => event.type === 'generated');
  const sum = (answering: boolean, of: 'promptTokens' | 'completionTokens'): number =>
    generated
      .filter(({ role }) => (role === 'generator') === answering)
      .reduce((total, { usage }) => total + usage[of], 0);
  const notes = events.flatMap((event) =>
    event.type === 'action' && event.note !== undefined ? [event.note] : [],
  );
  return {
    tokens: {
      context: events.find((event) => event.type === 'context')?.tokens ?? null,
      searcherPrompt: sum(false, 'promptTokens'),
      searcherCompletion: sum(false, 'completionTokens'),
      generatorPrompt: sum(true, 'promptTokens'),
      generatorCompletion: sum(true, 'completionTokens'),
      ...(generated.some(({ usage }) => usage.estimated) && { estimated: true }),
    },
    searches: events.filter((event) => event.type === 'retrieved').length,
    turns: generated.filter(({ role }) => role === 'searcher').length,
    calls: generated.length,
    notes: [...new Set(notes)],
  };
}
