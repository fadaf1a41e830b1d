/** One update of the policy from a mini-batch: passes of forward and backward, then the optimiser. */
import type { PolicyModel } from '../graph/policy-model';
import type { AdamW } from '../optimiser';
import { actorLoss } from '../ppo/actor-loss';
import type { PpoConfig } from '../ppo/config';
import { miniBatchAdvantages, miniBatchWeights } from './advantages';
import { expectNumbers } from './expect-numbers';
import type { Episodes } from './episodes';
import { cellsOf, planPasses, type Pass, type PassSizes } from './passes';
import type { Means } from './step-metrics';

export interface ActorUpdate {
  model: PolicyModel;
  optimiser: AdamW;
  config: PpoConfig;
  episodes: Episodes;
  members: readonly number[];
  /** Of `actorPasses`. */
  passes: readonly Pass[];
  /** Of the step. */
  advantages: Float64Array;
  /** Of the actions. */
  old: Float64Array;
  /**
   * The policy is still the one that made the rollouts: what this update computes is `old`, and goes there, so that ratios are
   * exactly 1.
   */
  isFirst: boolean;
  reference: Float64Array | undefined;
  klCoefficient: number;
  learningRate: number;
  means: Means;
  signal?: AbortSignal | undefined;
  onPass: () => void;
}

/**
 * The passes of an update. Episodes without any advantage lie together where that is all there is to learn from: such a pass needs
 * no backward.
 */
export function actorPasses(
  config: PpoConfig,
  episodes: Episodes,
  members: readonly number[],
  advantages: Float64Array,
  sizes: PassSizes,
): Pass[] {
  const { length, masks } = episodes;
  const teaches = (i: number): boolean => {
    for (let at = i * length; at < (i + 1) * length; at += 1) {
      if (masks.actions[at] !== 0 && advantages[at] !== 0) return true;
    }
    return false;
  };
  const isAdvantageAll =
    config.entropyCoefficient === 0 && config.kl.place !== 'loss' && config.whitenEach !== 'mini-batch';
  if (!isAdvantageAll) return planPasses(episodes, members, sizes);
  const [some, none] = [members.filter(teaches), members.filter((i) => !teaches(i))];
  return [some, none].flatMap((part) => planPasses(episodes, part, sizes));
}

export async function updateActor(update: ActorUpdate): Promise<void> {
  const { model, optimiser, config, episodes, members, old, reference, means } = update;
  const advantages = miniBatchAdvantages(episodes, members, update.advantages, config);
  const mask = episodes.masks.actions;
  const weights = miniBatchWeights(episodes, members, mask, {
    ...{ aggregation: config.aggregation, meanOver: config.meanOver },
    microBatch: config.batch.actorMicroBatch,
  });
  await optimiser.clearGradients();
  const loss = { policy: 0, kl: 0 };
  for (const pass of update.passes) {
    const { cells, ...targets } = cellsOf(episodes, pass, mask);
    const at = (grid: Float64Array): Float64Array => Float64Array.from(cells, (cell) => grid[cell]!);
    await model.accumulate(
      pass.batch,
      targets,
      ({ logProbs, entropies }) => {
        expectNumbers(logProbs, 'log-probabilities');
        if (update.isFirst) {
          addSamplerDeviation(means, episodes, cells, logProbs);
          cells.forEach((cell, i) => (old[cell] = logProbs[i]!));
        }
        const found = actorLoss({
          ...{ logProbs, entropies, oldLogProbs: at(old), advantages: at(advantages) },
          ...{ mask: new Float64Array(cells.length).fill(1), weights: at(weights) },
          ...{ clipLow: config.clip.low, clipHigh: config.clip.high, dualClip: config.clip.dual },
          ...{ logRatioLimit: config.clip.logRatioLimit, entropyCoefficient: config.entropyCoefficient },
          kl:
            reference && config.kl.place === 'loss'
              ? {
                  estimator: config.kl.estimator,
                  coefficient: update.klCoefficient,
                  reference: at(reference),
                }
              : undefined,
        });
        loss.policy += found.policy.loss;
        loss.kl += found.kl;
        const n = cells.length;
        means.add('entropy', entropies.reduce((sum, h) => sum + h, 0) / n, n);
        means.add('clipFraction', found.policy.clipFraction, n);
        means.add('approximateKl', found.policy.approximateKl, n);
        means.add(
          'ratioDeviation',
          found.policy.ratio.reduce((sum, ratio) => sum + Math.abs(ratio - 1), 0) / n,
          n,
        );
        return { logProbs: found.logProbGradient, entropies: found.entropyGradient };
      },
      update.signal,
    );
    update.onPass();
  }
  means.add('policyLoss', loss.policy);
  if (reference && config.kl.place === 'loss') means.add('referenceKl', loss.kl);
  const { gradientNorm } = await optimiser.step(update.learningRate);
  means.add('policyGradientNorm', gradientNorm);
}

/** How far the sampler's log-probabilities are from the trainer's, where they are of the same tokens. */
function addSamplerDeviation(
  means: Means,
  { rollouts, length }: Episodes,
  cells: Int32Array,
  logProbs: Float32Array,
): void {
  cells.forEach((cell, i) => {
    const rollout = rollouts[Math.floor(cell / length)]!;
    if (!rollout.exactLogProbs) return;
    const sampled = rollout.logProbs[rollout.promptLength + (cell % length)]!;
    means.add('samplerDeviation', Math.abs(sampled - logProbs[i]!));
  });
}
