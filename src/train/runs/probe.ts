/**
 * What a run would cost: its memory as planned, its time as measured on a few rollouts and the trainer's update on them, at the
 * configuration's sizes.
 */
import type { Clock } from '../../protocol/clock';
import type { OnProgress } from '../../protocol/retrieval';
import type { RunConfig, TrainerState } from '../records';
import type { FilterCounts, RunEstimate } from '../worker-api';
import { stepsOf } from './question-order';
import type { TrainingSession } from './session';

/** Rollouts of a probe, at most. */
const MOST = 4;

export async function probe(
  session: TrainingSession,
  config: RunConfig,
  counts: FilterCounts,
  { clock, signal, onProgress }: { clock: Clock; signal: AbortSignal; onProgress?: OnProgress | undefined },
): Promise<RunEstimate> {
  const { batch } = config.ppo;
  const questions = session.questions.slice(0, Math.max(1, Math.ceil(MOST / batch.rolloutsPerPrompt)));
  const tell = (label: string, done: number, total: number): void =>
    onProgress?.({ label, done, total, unit: 'files' });
  const began = clock.now();
  const rollouts = await session.collect(questions, {
    ...{ step: 1, signal },
    pass: () => Promise.resolve(),
    onProgress: ({ done, total }) => tell('Rollouts of the probe', done, total),
  });
  const rolloutSeconds = (clock.now() - began) / 1000;
  const before = clock.now();
  const { metrics } = await session.trainer.step(rollouts, {
    signal,
    onProgress: ({ phase, done, total }) => tell(`The probe's ${phase}`, done, total),
  });
  const updateSeconds = (clock.now() - before) / 1000;
  const scale = batch.prompts / questions.length;
  const reference = (metrics.logProbSeconds ?? 0) * scale;
  const critic = (metrics.criticSeconds ?? 0) * scale;
  const phases = {
    rollouts: rolloutSeconds * scale,
    reference,
    critic,
    actor: Math.max(0, updateSeconds * scale - reference - critic),
  };
  return {
    secondsPerStep: (rolloutSeconds + updateSeconds) * scale,
    phases,
    steps: stepsOf(config.ppo, session.questions.length),
    // A plan leaves out a few small buffers of a GPU's kernels; what was really taken counts where it is more.
    bytes: Math.max(session.plannedBytes, metrics.liveBytes ?? session.liveBytes()),
    weightBytes: session.weightBytes,
    checkpointBytes: stateBytes(await session.trainer.read()),
    ...{ device: session.device, deviceName: session.deviceName, questions: counts },
  };
}

const stateBytes = ({ tensors }: TrainerState): number =>
  tensors.reduce((sum, { values }) => sum + values.byteLength, 0);
