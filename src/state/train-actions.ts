/** What can be done with a run, by what it is doing and who has it. Pure. */
import type { RunRecord } from '../train/records';
import type { ListedRun } from '../train/worker-api';

export interface RunActions {
  /** What the first button does; null where there is nothing to go on with. */
  main: 'start' | 'pause' | 'resume' | null;
  step: boolean;
  save: boolean;
  stop: boolean;
}

const NONE: RunActions = { main: null, step: false, save: false, stop: false };

/** Where a run stands, for people: `running` without a tab that runs it is `interrupted`. */
export type RunStanding = RunRecord['status'] | 'interrupted' | 'elsewhere';

export function standingOf({ status, owner, interrupted }: ListedRun): RunStanding {
  if (owner === 'elsewhere') return 'elsewhere';
  return interrupted && owner === 'none' ? 'interrupted' : status;
}

export function actionsOf(run: ListedRun): RunActions {
  const loaded = run.owner === 'here';
  switch (standingOf(run)) {
    case 'elsewhere':
    case 'finished':
      return NONE;
    case 'running':
      return { main: 'pause', step: false, save: true, stop: true };
    case 'paused':
      return { main: 'resume', step: true, save: loaded, stop: loaded };
    case 'ready':
      return { main: 'start', step: true, save: false, stop: loaded };
    case 'stopped':
    case 'failed':
    case 'interrupted':
      return { main: 'resume', step: true, save: false, stop: false };
  }
}

/** Questions that a step takes, times rollouts: what a step's progress counts to. */
export const rolloutsPerStep = ({ ppo: { batch } }: Pick<RunRecord, 'config'>['config']): number =>
  batch.prompts * batch.rolloutsPerPrompt;

/** Seconds until the run ends, from its last few steps; null where it does not end by itself or nothing was measured. */
export function secondsLeft(
  run: RunRecord,
  steps: readonly { metrics: { stepSeconds?: number } }[],
): number | null {
  const { steps: wanted } = run.config.ppo.run;
  const took = steps.slice(-5).flatMap(({ metrics: { stepSeconds } }) => stepSeconds ?? []);
  if (wanted === null || took.length === 0) return null;
  const mean = took.reduce((sum, seconds) => sum + seconds, 0) / took.length;
  return Math.max(0, wanted - run.step) * mean;
}
