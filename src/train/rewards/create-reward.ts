/** The reward that a run's configuration names. */
import type { Judge } from '../../evaluation/judge';
import { AppError } from '../../protocol/errors';
import type { RagCache } from '../precompute/rag-cache';
import type { RewardConfig } from '../records';
import { accuracyBy } from './accuracy';
import { answerReward, gainBeyondRag, searchR1Reward } from './answer-rewards';
import { formulaReward } from './formula-reward';
import { recallTiers } from './recall-tiers';
import type { Reward } from './reward';

export interface RewardParts {
  /** For the measures `genacc` and `judge`. */
  judge?: Judge;
  /** What plain RAG answers, for the gain beyond it. */
  baselines?: RagCache;
}

/** Whether a configuration cannot do without a judge. */
export const needsJudge = (config: RewardConfig): boolean =>
  'accuracy' in config && (config.accuracy === 'genacc' || config.accuracy === 'judge');

/** Whether a configuration cannot do without plain RAG's answers. */
export const needsBaselines = (config: RewardConfig): boolean => config.kind === 'gain-beyond-rag';

/** @throws AppError BAD_INPUT where a part is missing or a formula cannot be read */
export function createReward(config: RewardConfig, { judge, baselines }: RewardParts = {}): Reward {
  switch (config.kind) {
    case 'gain-beyond-rag': {
      const { form, accuracy: measure, format } = config;
      if (!baselines) {
        throw new AppError('BAD_INPUT', 'The gain beyond RAG needs what plain RAG answers.', {
          fix: 'Precompute it, or import a rag_cache.json.',
        });
      }
      return gainBeyondRag({ form, measure, accuracy: accuracyBy(measure, judge), baselines, format });
    }
    case 'answer': {
      const accuracy = accuracyBy(config.accuracy, judge);
      return config.format === 'search-r1' ? searchR1Reward(accuracy) : answerReward(accuracy, config.format);
    }
    case 'recall-tiers':
      return recallTiers(config);
    case 'formula':
      return formulaReward({
        formula: config.formula,
        accuracy: accuracyBy(config.accuracy, judge),
        baselines,
      });
  }
}
