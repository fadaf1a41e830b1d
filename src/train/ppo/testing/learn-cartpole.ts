/**
 * CleanRL's `ppo.py` on CartPole (Huang et al., "The 37 implementation details of PPO", 2022): 4 environments × 128 steps, 4 epochs of
 * 4 shuffled mini-batches. Its losses, advantages and whitening are those that train the language model; the rest is here.
 */
import { Random } from '../../../lm/random';
import { actorLoss } from '../actor-loss';
import { lossWeights } from '../aggregate';
import { gae } from '../gae';
import { maskedWhiten } from '../masked';
import type { PpoConfig } from '../config';
import { PRESETS } from '../presets';
import { valueLoss } from '../value-loss';
import { ACTIONS, CartPole, OBSERVATION_SIZE } from './cartpole';
import { Adam, TinyMlp } from './tiny-mlp';

const RECIPE: PpoConfig = PRESETS.cleanrl;
const { gamma, lambda } = advantageOf(RECIPE);
const ENVIRONMENTS = 4;
const STEPS = 128;
const BATCH = ENVIRONMENTS * STEPS;
const MINI_BATCHES = 4;
/** CleanRL has 64; so few need twice the steps, and each is ten times as fast. */
const HIDDEN = 16;

interface Transition {
  observation: Float64Array;
  action: number;
  logProb: number;
  value: number;
  /** Over after it. */
  done: boolean;
}

function advantageOf({ advantage }: PpoConfig): { gamma: number; lambda: number } {
  if (advantage.kind !== 'gae') throw new TypeError('CleanRL takes generalised advantages.');
  return advantage;
}

export interface Course {
  /** The return of every episode that ended, in order. */
  returns: number[];
  steps: number;
}

export interface CourseOptions {
  seed: number;
  /** It ends after so many steps of the environments … */
  maxSteps: number;
  /** … or when this many of the last episodes have such a mean return. */
  goal: { episodes: number; meanReturn: number };
  /** −1 turns every advantage round: the control. */
  advantageSign?: 1 | -1;
}

export const lastMean = (returns: readonly number[], episodes: number): number =>
  returns.length < episodes ? 0 : returns.slice(-episodes).reduce((sum, one) => sum + one, 0) / episodes;

export function learnCartPole({ seed, maxSteps, goal, advantageSign = 1 }: CourseOptions): Course {
  const random = new Random(seed);
  const actor = new TinyMlp([OBSERVATION_SIZE, HIDDEN, HIDDEN, ACTIONS], 0.01, random);
  const critic = new TinyMlp([OBSERVATION_SIZE, HIDDEN, HIDDEN, 1], 1, random);
  const { beta1, beta2, epsilon } = RECIPE.adamW;
  const adam = new Adam([...actor.parameters, ...critic.parameters], {
    ...{ beta1, beta2, epsilon },
    gradientClip: RECIPE.gradientClip,
  });
  const environments = Array.from({ length: ENVIRONMENTS }, () => new CartPole(random));
  const lived = environments.map(() => 0);
  const returns: number[] = [];
  let steps = 0;
  for (let update = 0; steps < maxSteps && lastMean(returns, goal.episodes) < goal.meanReturn; update += 1) {
    const courses: Transition[][] = environments.map(() => []);
    for (let t = 0; t < STEPS; t += 1) {
      for (const [e, environment] of environments.entries()) {
        const { observation } = environment;
        const logProbs = logSoftmax(output(actor.forward(observation)));
        const action = random.uniform() < Math.exp(logProbs[0]!) ? 0 : 1;
        const value = output(critic.forward(observation))[0]!;
        const done = environment.step(action);
        courses[e]!.push({ observation, action, logProb: logProbs[action]!, value, done });
        lived[e]! += 1;
        if (!done) continue;
        returns.push(lived[e]!);
        lived[e] = 0;
        environment.reset();
      }
    }
    steps += BATCH;
    const after = environments.map(({ observation }) => output(critic.forward(observation))[0]!);
    const batch = withAdvantages(courses, after);
    const rate = RECIPE.actor.learningRate * (1 - update / (RECIPE.actor.annealSteps ?? Infinity));
    for (let epoch = 0; epoch < RECIPE.batch.epochs; epoch += 1) {
      const order = shuffled(BATCH, random);
      for (let start = 0; start < BATCH; start += BATCH / MINI_BATCHES) {
        learn(order.slice(start, start + BATCH / MINI_BATCHES).map((i) => batch[i]!));
        adam.step(rate);
      }
    }
  }
  return { returns, steps };

  function learn(members: readonly Learned[]): void {
    const mask = new Float64Array(members.length).fill(1);
    const weights = lossWeights(mask, members.length);
    const acted = members.map(({ observation }) => actor.forward(observation));
    const judged = members.map(({ observation }) => critic.forward(observation));
    const now = acted.map((activations) => logSoftmax(output(activations)));
    const whitened = maskedWhiten(
      members.map(({ advantage }) => advantage),
      mask,
    );
    const { logProbGradient, entropyGradient } = actorLoss({
      logProbs: members.map(({ action }, i) => now[i]![action]!),
      oldLogProbs: members.map(({ logProb }) => logProb),
      advantages: whitened.map((advantage) => advantageSign * advantage),
      ...{ mask, weights, entropies: now.map(entropy) },
      ...{ clipLow: RECIPE.clip.low, clipHigh: RECIPE.clip.high },
      entropyCoefficient: RECIPE.entropyCoefficient,
    });
    const value = valueLoss({
      values: judged.map((activations) => output(activations)[0]!),
      oldValues: members.map(({ value: old }) => old),
      returns: members.map(({ target }) => target),
      ...{ mask, weights, clip: RECIPE.valueClip },
    });
    for (const [i, { action }] of members.entries()) {
      const nats = entropy(now[i]!);
      // ∂log π(a)/∂z = 1[a] − π, ∂H/∂z = −π·(log π + H)
      const slope = now[i]!.map((logProb, a) => {
        const p = Math.exp(logProb);
        return (
          logProbGradient[i]! * ((a === action ? 1 : 0) - p) - entropyGradient[i]! * p * (logProb + nats)
        );
      });
      actor.backward(acted[i]!, slope);
      critic.backward(judged[i]!, Float64Array.of((RECIPE.valueCoefficient ?? 1) * value.gradient[i]!));
    }
  }
}

interface Learned extends Transition {
  advantage: number;
  target: number;
}

/**
 * Every episode, or the part of one that lies in the rollout, is a sequence. Where it goes on after the rollout, one more position with
 * reward = value = V(next state) has δ = 0 and hands that value to the step before it: the bootstrap.
 */
function withAdvantages(courses: readonly Transition[][], after: readonly number[]): Learned[] {
  const sequences: { steps: Transition[]; next: number | undefined }[] = [];
  for (const [e, course] of courses.entries()) {
    let steps: Transition[] = [];
    for (const transition of course) {
      steps.push(transition);
      if (!transition.done) continue;
      sequences.push({ steps, next: undefined });
      steps = [];
    }
    if (steps.length > 0) sequences.push({ steps, next: after[e] });
  }
  const length = STEPS + 1;
  const rewards = new Float64Array(sequences.length * length);
  const [values, mask] = [rewards.slice(), rewards.slice()];
  for (const [s, { steps, next }] of sequences.entries()) {
    const start = s * length;
    steps.forEach(({ value }, t) => {
      rewards[start + t] = 1;
      values[start + t] = value;
    });
    const end = start + steps.length;
    if (next !== undefined) rewards[end] = values[end] = next;
    mask.fill(1, start, next === undefined ? end : end + 1);
  }
  const { advantages, returns } = gae({ rewards, values, length, gamma, lambda, mask });
  return sequences.flatMap(({ steps }, s) =>
    steps.map((transition, t) => ({
      ...transition,
      advantage: advantages[s * length + t]!,
      target: returns[s * length + t]!,
    })),
  );
}

const output = (activations: readonly Float64Array[]): Float64Array => activations[activations.length - 1]!;

function logSoftmax(logits: Float64Array): Float64Array {
  const most = Math.max(...logits);
  const sum = logits.reduce((total, z) => total + Math.exp(z - most), 0);
  return logits.map((z) => z - most - Math.log(sum));
}

const entropy = (logProbs: Float64Array): number =>
  -logProbs.reduce((sum, logProb) => sum + Math.exp(logProb) * logProb, 0);

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
