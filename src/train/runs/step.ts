/** One step: rollouts, the trainer's update, and what the record says of both. */
import type { Clock } from '../../protocol/clock';
import type { RolloutRecord, StepMetrics, TrainingProgress, TrainingQuestion } from '../records';
import type { TrainingSession } from './session';
import { actionTokens, rolloutMetrics } from './step-metrics';
import { pickRollouts, rolloutRecord } from './step-record';

export interface StepOptions {
  step: number;
  clock: Clock;
  signal: AbortSignal;
  /** Waits while the run is paused. */
  pass: () => Promise<void>;
  onProgress: (progress: Omit<TrainingProgress, 'step'>) => void;
  /** The trainer's parameters begin to change, and have changed. */
  onUpdate: (isUnderWay: boolean) => void;
}

export async function runStep(
  session: TrainingSession,
  questions: readonly TrainingQuestion[],
  { step, clock, signal, pass, onProgress, onUpdate }: StepOptions,
): Promise<{ metrics: StepMetrics; rollouts: RolloutRecord[] }> {
  const began = clock.now();
  const seconds = (): number => (clock.now() - began) / 1000;
  const rollouts = await session.collect(questions, {
    ...{ step, signal, pass },
    onProgress: ({ done, total }) => onProgress({ phase: 'rollouts', done, total }),
  });
  const rolloutSeconds = seconds();
  await pass();
  onUpdate(true);
  const { metrics, ...signals } = await session.trainer.step(rollouts, { signal, onProgress });
  await session.trainer.publish();
  onUpdate(false);
  const stepSeconds = seconds();
  const outcome = { rollouts, ...signals };
  const sampled = rollouts.reduce((sum, rollout) => sum + actionTokens(rollout), 0);
  const trained = rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const perSecond = (tokens: number, over: number): number => (over > 0 ? tokens / over : 0);
  return {
    metrics: {
      rolloutSeconds,
      stepSeconds,
      rolloutTokensPerSecond: perSecond(sampled, rolloutSeconds),
      trainTokensPerSecond: perSecond(trained, stepSeconds - rolloutSeconds),
      liveBytes: session.trainer.liveBytes,
      ...rolloutMetrics(rollouts),
      // What the trainer measures itself goes before what can be told from outside.
      ...metrics,
    },
    rollouts: pickRollouts(rollouts).map((i) => rolloutRecord(outcome, i, (tokens) => session.texts(tokens))),
  };
}
