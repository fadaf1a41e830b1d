/** A reward that a user writes: over numbers of the trace, or as a function of it. */
import { exactMatch, f1Score, spanCheck } from '../../evaluation/metrics';
import type { RagCache } from '../precompute/rag-cache';
import type { RolloutReward } from '../records';
import type { Accuracy } from './accuracy';
import { isWellFormed } from './format';
import { parseFormula } from './formula';
import type { Episode, Reward } from './reward';
import { answerOf, contextIds, eventsOf, goldInContext, goldRecall } from './trace-facts';

/** What a formula may speak of; the sentences are those of docs/rewards.md. */
export const FORMULA_FACTS = {
  accuracy: 'the answer, by the configured measure, 0 … 1',
  em: 'exact match of the answer, 0 or 1',
  f1: 'token F1 of the answer, 0 … 1',
  span: 'a gold answer stands in the answer, 0 or 1',
  baseline: 'GenAcc of plain RAG’s answer, 0 or 1; 0 where it is not known',
  goldRecall: 'share of the gold passages that reached the generator; 0 where none are known',
  goldInContext: 'all gold passages reached the generator, 0 or 1',
  wellFormed: 'the transcript keeps to its protocol, 0 or 1',
  turns: 'responses of the searcher',
  searches: 'queries that were searched, without the first search',
  repeatedQueries: 'queries that had been searched before, the question among them',
  invalidActions: 'turns with neither a query nor an end',
  finished: 'the searcher ended the search itself, 0 or 1',
  selected: 'documents that it selected',
  contextDocuments: 'documents that reached the generator',
  contextTokens: 'tokens of the generator’s context',
  responseTokens: 'tokens that the searcher wrote',
  questionHops: 'hops of the question; 0 where they are not known',
} as const;
type Fact = keyof typeof FORMULA_FACTS;

export interface FormulaOptions {
  formula: string;
  accuracy: Accuracy;
  /** For `baseline`. */
  baselines?: RagCache | undefined;
}

/** @throws AppError BAD_INPUT where the formula cannot be read */
export function formulaReward({ formula, accuracy, baselines }: FormulaOptions): Reward {
  const compute = parseFormula(formula, Object.keys(FORMULA_FACTS));
  return {
    needsAnswer: true,
    async score(episode, signal) {
      const { source, question } = episode.question;
      const entry = baselines?.get(source, question);
      const right = await accuracy(answerOf(episode), episode.question, signal);
      const facts: Record<Fact, number> = {
        ...traceNumbers(episode),
        accuracy: right,
        baseline: entry?.score ?? 0,
      };
      return {
        ...told(episode),
        accuracy: right,
        score: compute(facts),
        ...(entry && { baseline: entry.score }),
      };
    },
  };
}

/** A reward as a function of the trace, for programs. `needsAnswer`: false where it looks at no answer. */
export const customReward = (
  score: (episode: Episode, signal?: AbortSignal) => number | Promise<number>,
  { needsAnswer = true }: { needsAnswer?: boolean } = {},
): Reward => ({
  needsAnswer,
  async score(episode, signal) {
    const { goldAnswers } = episode.question;
    const right = spanCheck(answerOf(episode), goldAnswers) ? 1 : 0;
    return { ...told(episode), accuracy: right, score: await score(episode, signal) };
  },
});

function told(episode: Episode): Omit<RolloutReward, 'score' | 'accuracy'> {
  const gold = goldInContext(episode);
  const answer = answerOf(episode);
  return { answer, wellFormed: isWellFormed(episode), ...(gold !== undefined && { goldInContext: gold }) };
}

function traceNumbers(episode: Episode): Omit<Record<Fact, number>, 'accuracy' | 'baseline'> {
  const { events, question } = episode;
  const answer = answerOf(episode);
  const { goldAnswers } = question;
  const written = eventsOf(events, 'generated').filter(({ role }) => role === 'searcher');
  const actions = eventsOf(events, 'action');
  const asked = eventsOf(events, 'retrieved').map(({ query }) => query.trim().toLowerCase());
  const one = (yes: boolean | undefined): number => (yes === true ? 1 : 0);
  return {
    em: exactMatch(answer, goldAnswers),
    f1: f1Score(answer, goldAnswers),
    span: one(spanCheck(answer, goldAnswers)),
    goldRecall: goldRecall(episode) ?? 0,
    goldInContext: one(goldInContext(episode)),
    wellFormed: one(isWellFormed(episode)),
    turns: written.length,
    searches: eventsOf(events, 'retrieved').filter(({ turn }) => turn > 0).length,
    repeatedQueries: asked.length - new Set(asked).size,
    invalidActions: actions.filter(({ action }) => action === 'invalid').length,
    finished: one(actions.some(({ action, forced }) => action === 'search_complete' && forced !== true)),
    selected: eventsOf(events, 'selected').reduce((sum, { numbers }) => sum + numbers.length, 0),
    contextDocuments: contextIds(episode).length,
    contextTokens: eventsOf(events, 'context').at(-1)?.tokens ?? 0,
    responseTokens: written.reduce((sum, { usage }) => sum + usage.completionTokens, 0),
    questionHops: question.hops ?? 0,
  };
}
