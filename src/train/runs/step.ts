/** One step: rollouts, the trainer's update, and what the record says of both. */
import type { Clock } from '../../protocol/clock';
import type { Rollout, StepRecord, TrainingProgress, TrainingQuestion } from '../records';
import { tierShares } from '../rewards/tier-shares';
import type { TrainingSession } from './session';
import { pickRollouts, rolloutRecord } from './step-record';

export interface StepOptions {
  step: number;
  clock: Clock;
  signal: AbortSignal;
  /** Waits while the run is paused. */
  pass: () => Promise<void>;
  onProgress: (progress: TrainingProgress) => void;
  /** The trainer is at work, and is not any more. */
  onUpdate: (isUnderWay: boolean) => void;
}

/** Tokens that the policy chose. */
const actionTokens = ({ actions }: Rollout): number => actions.reduce((sum, a) => sum + a, 0);

export async function runStep(
  session: TrainingSession,
  questions: readonly TrainingQuestion[],
  { step, clock, signal, pass, onProgress, onUpdate }: StepOptions,
): Promise<Omit<StepRecord, 'step' | 'at'>> {
  const began = clock.now();
  const seconds = (): number => (clock.now() - began) / 1000;
  const rollouts = await session.collect(questions, {
    ...{ step, signal, pass },
    onProgress: ({ done, total }) => onProgress({ step, phase: 'rollouts', done, total }),
  });
  const rolloutSeconds = seconds();
  await pass();
  onUpdate(true);
  try {
    const told = (progress: TrainingProgress): void => onProgress({ ...progress, step });
    const { metrics, ...signals } = await session.trainer.step(rollouts, { signal, onProgress: told });
    await session.trainer.publish();
    const outcome = { rollouts, ...signals };
    const tiers = tierShares(rollouts);
    const sampled = rollouts.reduce((sum, rollout) => sum + actionTokens(rollout), 0);
    return {
      metrics: {
        ...metrics,
        rolloutSeconds,
        rolloutTokensPerSecond: rolloutSeconds > 0 ? sampled / rolloutSeconds : 0,
        // The trainer's own covers its update alone.
        stepSeconds: seconds(),
      },
      ...(tiers && { tiers }),
      rollouts: pickRollouts(rollouts).map((i) =>
        rolloutRecord(outcome, i, (tokens) => session.texts(tokens)),
      ),
    };
  } finally {
    onUpdate(false);
  }
}
