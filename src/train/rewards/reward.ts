/** What an episode is worth. */
import type { SystemId, TraceEvent } from '../../protocol/trace';
import type { RolloutReward, TrainingQuestion } from '../records';

/** An episode that came to its end: its trace has an answer. */
export interface Episode {
  question: TrainingQuestion;
  system: SystemId;
  events: readonly TraceEvent[];
}

/** Rewards of different episodes are computed at the same time. */
export interface Reward {
  /** Whether an answer is needed; without one, no generator is asked. */
  readonly needsAnswer: boolean;
  /**
   * Whether everything is at hand to score these questions, such as plain RAG's answers.
   * @throws AppError NOT_FOUND, BAD_INPUT
   */
  check?(questions: readonly TrainingQuestion[]): void;
  /** @throws AppError ABORTED, and what a judge's endpoint throws; the rollout then counts as failed */
  score(episode: Episode, signal?: AbortSignal): Promise<RolloutReward>;
}
