/** DeepRetrieval's rewards (arXiv 2503.00223, `verl/utils/reward_score`): steps of recall, or of the first useful rank. */
import { spanCheck } from '../../evaluation/metrics';
import { recallAt } from '../../evaluation/retrieval-metrics';
import { AppError } from '../../protocol/errors';
import type { ShownDocument } from '../../protocol/trace';
import type { TierTable } from '../records';
import { isWellFormed } from './format';
import type { Episode, Reward } from './reward';
import { contextIds, eventsOf, goldInContext } from './trace-facts';

interface Tier {
  label: string;
  points: number;
}

/** From this recall on. */
const LITERATURE: readonly (readonly [number, number])[] = [
  [0.7, 5],
  [0.5, 4],
  [0.4, 3],
  [0.3, 1],
  [0.1, 0.5],
  [0.05, 0.1],
];
/** Up to this rank. */
const EVIDENCE: readonly (readonly [number, number])[] = [
  [5, 5],
  [20, 4],
  [50, 2],
  [100, 1],
  [1000, 0.5],
  [3000, 0.1],
];
const NOTHING: Readonly<Record<TierTable, number>> = { literature: -3.5, nq: -3.5, squad: -2.5 };
const ERROR: Readonly<Record<TierTable, number>> = { literature: -4, nq: -4, squad: -3 };
const FORMAT = { kept: 1, broken: -4 };

export function recallTier(recall: number): Tier {
  const found = LITERATURE.find(([least]) => recall >= least);
  if (found) return { label: `recall ≥ ${found[0]}`, points: found[1] };
  return { label: 'recall < 0.05', points: NOTHING.literature };
}

/** @param rank from 1; undefined where no passage holds an answer */
export function rankTier(rank: number | undefined, table: Exclude<TierTable, 'literature'>): Tier {
  const found = rank === undefined ? undefined : EVIDENCE.find(([most]) => rank <= most);
  if (found) return { label: `rank ≤ ${found[0]}`, points: found[1] };
  return { label: 'not found', points: NOTHING[table] };
}

/** Every tier a table has, best first, as `RolloutReward.tier` names them. */
export function tierLabels(table: TierTable): string[] {
  const steps =
    table === 'literature'
      ? LITERATURE.map(([r]) => recallTier(r))
      : EVIDENCE.map(([r]) => rankTier(r, table));
  const last = table === 'literature' ? recallTier(0) : rankTier(undefined, table);
  return [...steps, last, { label: 'error' }].map(({ label }) => label);
}

export interface RecallTierOptions {
  /** Adds DeepRetrieval's points for format, and gives a malformed transcript −4 whatever it found. */
  format: boolean;
  tiers?: TierTable | undefined;
}

/**
 * What the policy's searches found: for DeepRetrieval the results of its query, for agents that select, the documents that reached the
 * generator. A rewrite that cannot be read, an empty one too, is an error. A retriever that fails is none of the policy's: that rollout
 * counts as failed, where the original punishes it.
 */
export function recallTiers({ format, tiers }: RecallTierOptions): Reward {
  const tableOf = ({ question }: Pick<Episode, 'question'>): TierTable =>
    tiers ?? ((question.goldIds?.length ?? 0) > 0 ? 'literature' : 'nq');
  return {
    needsAnswer: false,
    check(questions) {
      const without = questions.filter(
        (question) => tableOf({ question }) === 'literature' && (question.goldIds?.length ?? 0) === 0,
      );
      const [first] = without;
      if (!first) return;
      throw new AppError(
        'BAD_INPUT',
        `${without.length} questions name no gold passages, such as “${first.question}”.`,
        {
          fix: 'Reward the rank of the answer (tiers "nq"), or use questions with the ids of their passages.',
        },
      );
    },
    score(episode) {
      const table = tableOf(episode);
      const wellFormed = isWellFormed(episode);
      const { label, points, accuracy } = tierOf(episode, table);
      const gold = goldInContext(episode);
      const told = { accuracy, wellFormed, ...(gold !== undefined && { goldInContext: gold }) };
      if (!format) return Promise.resolve({ ...told, score: points, tier: label });
      if (!wellFormed) return Promise.resolve({ ...told, score: FORMAT.broken, tier: 'error' });
      return Promise.resolve({ ...told, score: FORMAT.kept + points, tier: label });
    },
  };
}

/** `accuracy`: the recall, or the reciprocal of the rank. */
function tierOf(episode: Episode, table: TierTable): Tier & { accuracy: number } {
  const { goldIds = [], goldAnswers } = episode.question;
  const found = foundBy(episode);
  if (!found) return { label: 'error', points: ERROR[table], accuracy: 0 };
  if (table === 'literature') {
    const gold = new Map(goldIds.map((id) => [id, 1]));
    const recall = recallAt(
      found.map(({ passageId }) => passageId),
      gold,
      found.length,
    );
    return { ...recallTier(recall), accuracy: recall };
  }
  const place = found.findIndex(({ title, text }) => spanCheck(`${title}\n${text}`, goldAnswers));
  return { ...rankTier(place < 0 ? undefined : place + 1, table), accuracy: place < 0 ? 0 : 1 / (place + 1) };
}

/** In order of rank; undefined where the policy's query could not be read. */
function foundBy(episode: Episode): ShownDocument[] | undefined {
  const { system, events } = episode;
  const shown = eventsOf(events, 'retrieved').flatMap(({ documents }) => documents);
  if (system === 'deepretrieval') {
    const [action] = eventsOf(events, 'action');
    return action?.action === 'search' ? shown : undefined;
  }
  const byId = new Map(shown.map((document) => [document.passageId, document]));
  return contextIds(episode).flatMap((id) => byId.get(id) ?? []);
}
