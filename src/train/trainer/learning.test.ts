import { expect, it } from 'vitest';
import { ORACLE, SearchTask, shuffled, VOCABULARY } from '../../../tests/training/search-task';
import { openToy, TOY, toyCheckpoint, toyRun } from '../../../tests/training/toy-model';
import { CpuBackend } from '../../gpu/cpu/backend';
import { Random } from '../../lm/random';
import type { Rollout } from '../records';

const MOST_STEPS = 80;
const EPISODES = 96;
/** Steps whose mean counts. */
const WINDOW = 3;
const CONTROL_STEPS = 50;

const model = { ...TOY, vocab_size: VOCABULARY };
const { batch, kl } = toyRun().ppo;

/** Mean score of every step, until `isDone`. Rollouts come from the engine, scores from the task, as in a run. */
async function learn(
  seed: number,
  isDone: (scores: readonly number[]) => boolean,
  change: (rollouts: Rollout[]) => Rollout[] = (rollouts) => rollouts,
): Promise<number[]> {
  const backend = new CpuBackend();
  const config = toyRun(
    {
      ...{ seed, entropyCoefficient: 0.05, kl: { ...kl, place: 'none' } },
      actor: { learningRate: 1.5e-3, warmUpSteps: 0 },
      critic: { learningRate: 1e-2, warmUpSteps: 0 },
      batch: { ...batch, prompts: EPISODES, miniBatch: EPISODES / 4, epochs: 2, shuffleMiniBatches: true },
    },
    { trained: { kind: 'model' }, criticRank: 0, generator: 'none' },
  );
  const files = { config: model, checkpoint: toyCheckpoint(model, seed) };
  const sizes = { maxContext: 16, maxTokens: 16, passTokens: 512, slots: 8 };
  const { engine, policyAdapter, trainer, dispose } = await openToy(backend, config, { files, ...sizes });
  const task = new SearchTask(seed);
  const scores: number[] = [];
  while (!isDone(scores)) {
    const rollouts = await task.collect(engine, policyAdapter, EPISODES);
    scores.push(rollouts.reduce((sum, { reward }) => sum + reward.score, 0) / EPISODES);
    await trainer.step(change(rollouts));
    await trainer.publish();
  }
  dispose();
  expect(backend.liveBytes).toBe(0);
  return scores;
}

const recent = (scores: readonly number[]): number =>
  scores.length < WINDOW ? 0 : scores.slice(-WINDOW).reduce((sum, score) => sum + score, 0) / WINDOW;

it.each([1, 2, 3])(
  `from seed %i the policy learns to search: 0.9 of the oracle within ${MOST_STEPS} steps`,
  async (seed) => {
    const scores = await learn(seed, (all) => recent(all) >= 0.9 * ORACLE || all.length >= MOST_STEPS);
    expect(scores[0]).toBeLessThan(0.2);
    expect(recent(scores)).toBeGreaterThanOrEqual(0.9 * ORACLE);
  },
  180_000,
);

it(`with its rewards shuffled among the episodes it does not: below a third of the oracle after ${CONTROL_STEPS} steps`, async () => {
  const random = new Random(5);
  const shuffleRewards = (rollouts: Rollout[]): Rollout[] => {
    const scores = shuffled(
      rollouts.map(({ reward }) => reward.score),
      random,
    );
    return rollouts.map((rollout, i) => ({ ...rollout, reward: { ...rollout.reward, score: scores[i]! } }));
  };
  const scores = await learn(1, (all) => all.length >= CONTROL_STEPS, shuffleRewards);
  expect(Math.max(...scores.map((_, i) => recent(scores.slice(0, i + 1))))).toBeLessThan(ORACLE / 3);
}, 180_000);
