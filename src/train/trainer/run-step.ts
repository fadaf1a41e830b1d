/**
 * A step in verl's order: log-probabilities of the reference and of the rollouts' policy, values, rewards, advantages, the critic's
 * updates, the actor's updates.
 */
import { AppError } from '../../protocol/errors';
import { Random } from '../../lm/random';
import { nextKlCoefficient } from '../ppo/kl-controller';
import { maskedMean } from '../ppo/masked';
import { learningRate } from '../ppo/schedule';
import type { Rollout, TrainingProgress } from '../records';
import { actorPasses, updateActor } from './actor-update';
import { expectNumbers } from './expect-numbers';
import { estimateAdvantages, rewardTokens } from './advantages';
import { updateCritic } from './critic-update';
import { isUsable, layOut, perToken, type Episodes } from './episodes';
import { HeadCritic } from './head-critic';
import { fillLogProbs, sampledLogProbs } from './log-probs';
import { planMiniBatches } from './mini-batches';
import { cellsOf, planPasses, type Pass } from './passes';
import type { StepOptions, StepResult, TrainerParts } from './parts';
import { explainedVariance, Means, rolloutMetrics } from './step-metrics';

interface StepContext extends TrainerParts, StepOptions {
  /** From 0. */
  step: number;
  klCoefficient: number;
}

/** Passes without gradients that come before the updates. */
interface Known {
  /** Of the actions; of those that the first mini-batch computes itself, 0 where nothing else asked for them. */
  old: Float64Array;
  reference: Float64Array | undefined;
  /** Of the recipe's value mask. */
  values: Float64Array | undefined;
}

const secondsSince = (begin: number): number => (performance.now() - begin) / 1000;

export async function runStep(
  all: readonly Rollout[],
  context: StepContext,
): Promise<StepResult & { klCoefficient: number }> {
  const { config, critic, step, klCoefficient } = context;
  const begin = performance.now();
  const usable = all.filter(isUsable);
  if (usable.length === 0) refuseEmpty(all);
  const episodes = layOut(usable);
  const random = new Random(config.seed * 1_000_003 + step);
  const plan = planMiniBatches(usable.length, config.batch, random);
  const means = new Means();

  const { old, reference, values } = await look(context, episodes, plan, means);
  const isKlInReward = config.kl.place === 'reward';
  const rewarded = rewardTokens(episodes, config, klCoefficient, isKlInReward ? old : undefined, reference);
  const { advantages, returns } = estimateAdvantages(episodes, config, rewarded.rewards, values);
  const { actions } = episodes.masks;
  const valueMask = episodes.masks[config.valueMask];
  expectNumbers(advantages, 'advantages');

  const criticBegin = performance.now();
  if (critic && config.critic && returns && values) {
    means.add('explainedVariance', explainedVariance(returns, values, valueMask));
    means.add('valueMean', maskedMean(values, valueMask));
    means.add('returnMean', maskedMean(returns, valueMask));
    const progress = report(context, 'critic', countPasses(context, episodes, plan));
    for (const members of plan.flat()) {
      await updateCritic({
        ...{ critic: critic.model, optimiser: critic.optimiser, config, episodes, members },
        ...{ sizes: context.sizes, oldValues: values, returns, means, signal: context.signal },
        ...{ learningRate: learningRate(config.critic, step), onPass: progress },
      });
    }
    means.total('criticSeconds', secondsSince(criticBegin));
  }

  const actorBegin = performance.now();
  const isActorLearning = step >= config.criticWarmUpSteps;
  if (isActorLearning) {
    const rate = learningRate(config.actor, step);
    const updates = plan.flat().map((members) => ({
      members,
      passes: actorPasses(config, episodes, members, advantages, context.sizes),
    }));
    const total = updates.reduce((sum, { passes }) => sum + passes.length, 0);
    const progress = report(context, 'actor', total);
    for (const [i, update] of updates.entries()) {
      await updateActor({
        ...{ model: context.policy, optimiser: context.actor.optimiser, config, episodes, ...update },
        ...{ advantages, old, isFirst: i === 0, reference, klCoefficient },
        ...{ learningRate: rate, means, signal: context.signal, onPass: progress },
      });
    }
    means.add('policyLearningRate', rate);
    means.total('actorSeconds', secondsSince(actorBegin));
  }

  const seconds = secondsSince(begin);
  const tokens = usable.reduce((sum, rollout) => sum + rollout.tokens.length, 0);
  if (config.kl.place !== 'none') means.add('klCoefficient', klCoefficient);
  means.add('referenceKl', rewarded.currentKl);
  means.add('trainTokensPerSecond', tokens / seconds);
  means.add('stepSeconds', seconds);
  means.add('liveBytes', context.backend.liveBytes);
  const shown = advantages.map((value, i) => value * actions[i]!);
  return {
    metrics: { ...rolloutMetrics(all, usable), ...means.all() },
    advantages: perToken(all, episodes, shown),
    values: perToken(all, episodes, values ?? new Float64Array(shown.length)),
    klCoefficient:
      rewarded.currentKl === undefined
        ? klCoefficient
        : nextKlCoefficient(config.kl.controller, klCoefficient, rewarded.currentKl, usable.length),
  };
}

function refuseEmpty(all: readonly Rollout[]): never {
  const failure = all.find(({ failed }) => failed)?.failed;
  throw new AppError('BAD_INPUT', `None of the ${all.length} rollouts can be trained on.`, {
    fix: failure ? `The first failed: ${failure.message} ${failure.fix}` : 'Check the agent’s limits.',
  });
}

/** Everything that is computed before the first update. */
async function look(
  context: StepContext,
  episodes: Episodes,
  plan: readonly (readonly (readonly number[])[])[],
  means: Means,
): Promise<Known> {
  const { config, policy, critic, signal, sizes } = context;
  const begin = performance.now();
  const { actions } = episodes.masks;
  const everything = episodes.rollouts.map((_, i) => i);
  const passes = planPasses(episodes, everything, sizes);
  const needsKl = config.kl.place !== 'none' && context.klCoefficient !== 0;
  const head = critic?.model instanceof HeadCritic ? critic.model : undefined;
  const valueMask = episodes.masks[config.valueMask];

  let reference: Float64Array | undefined;
  if (needsKl || head) {
    const progress = report(context, 'reference', passes.length);
    head?.forget();
    if (needsKl) reference = new Float64Array(actions.length);
    for (const pass of passes) {
      await context.reference.forward(pass.batch, signal);
      if (reference) await lookAtReference(context, episodes, pass, reference);
      if (head) head.keep(episodes, pass, valueMask, await context.hidden.read(pass.batch));
      progress();
    }
  }

  const { grid: old, missing } = sampledLogProbs(episodes);
  const first = new Set(plan[0]?.[0]);
  const updates = plan.flat().length;
  const wanted = missing.filter(
    (i) => (needsKl && config.kl.place === 'reward') || (updates > 1 && !first.has(i)),
  );
  if (wanted.length > 0) {
    const own = planPasses(episodes, wanted, sizes);
    const onPass = report(context, 'reference', own.length);
    await fillLogProbs(policy, episodes, own, old, { signal, onPass });
  }
  means.total('logProbSeconds', secondsSince(begin));

  if (!critic) return { old, reference, values: undefined };
  const valuesBegin = performance.now();
  const values = new Float64Array(actions.length);
  const onPass = report(context, 'values', passes.length);
  await critic.model.values(episodes, passes, valueMask, values, { signal, onPass });
  expectNumbers(values, 'values');
  means.total('criticSeconds', secondsSince(valuesBegin));
  return { old, reference, values };
}

async function lookAtReference(
  { reference: model, signal }: StepContext,
  episodes: Episodes,
  pass: Pass,
  grid: Float64Array,
): Promise<void> {
  const { cells, ...targets } = cellsOf(episodes, pass, episodes.masks.actions);
  const { logProbs } = await model.look(pass.batch, targets, signal);
  expectNumbers(logProbs, 'log-probabilities of the reference');
  cells.forEach((cell, i) => (grid[cell] = logProbs[i]!));
}

const countPasses = (
  { sizes }: StepContext,
  episodes: Episodes,
  plan: readonly (readonly (readonly number[])[])[],
): number => plan.flat().reduce((sum, members) => sum + planPasses(episodes, members, sizes).length, 0);

/** Tells how many passes of a phase are done, from none on. */
function report(
  { onProgress, step }: StepContext,
  phase: TrainingProgress['phase'],
  total: number,
): () => void {
  let done = 0;
  onProgress?.({ step: step + 1, phase, done, total });
  return () => {
    done += 1;
    onProgress?.({ step: step + 1, phase, done, total });
  };
}
