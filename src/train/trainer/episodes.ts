/**
 * The rollouts of a step as one grid `[episodes, length]` over their responses, as `train/ppo` computes on. Cell t of an episode is
 * its response's token t; its log-probability and its value come from the state before it, the row of the token before.
 */
import { AppError } from '../../protocol/errors';
import type { TokenMask } from '../ppo/config';
import type { Rollout } from '../records';

export interface Episodes {
  rollouts: readonly Rollout[];
  /** Of the longest response, and one: the state after its last token is a cell, too. */
  length: number;
  masks: Record<TokenMask, Float64Array>;
  scores: Float64Array;
  /** Rollouts of the same question have the same. */
  keys: string[];
  /** Of what the policy chose, over all episodes. */
  actionTokens: number;
}

/** Whether there is anything to learn from: it was finished, and the policy chose a token of it. */
export const isUsable = (rollout: Rollout): boolean =>
  rollout.failed === undefined && rollout.actions.includes(1, rollout.promptLength);

/** @throws AppError BAD_INPUT for a rollout that contradicts itself, or whose score is not a number */
export function layOut(rollouts: readonly Rollout[]): Episodes {
  rollouts.forEach(check);
  const responseOf = ({ tokens, promptLength }: Rollout): number => tokens.length - promptLength;
  const length = 1 + Math.max(0, ...rollouts.map(responseOf));
  const grid = (value: (rollout: Rollout, t: number) => number): Float64Array =>
    Float64Array.from({ length: rollouts.length * length }, (_, i) =>
      value(rollouts[Math.floor(i / length)]!, i % length),
    );
  const masks = {
    actions: grid((rollout, t) => rollout.actions[rollout.promptLength + t] ?? 0),
    response: grid((rollout, t) => (t < responseOf(rollout) ? 1 : 0)),
    shifted: grid((rollout, t) => (t <= responseOf(rollout) ? 1 : 0)),
  };
  return {
    ...{ rollouts, length, masks },
    scores: Float64Array.from(rollouts, ({ reward }) => reward.score),
    keys: rollouts.map(({ question }) => `${question.source}\n${question.id}`),
    actionTokens: masks.actions.reduce((sum, m) => sum + m, 0),
  };
}

function check({ question, tokens, promptLength, actions, logProbs, reward }: Rollout): void {
  const fits = actions.length === tokens.length && logProbs.length === tokens.length;
  const isWhole = promptLength >= 1 && promptLength < tokens.length;
  if (fits && isWhole && Number.isFinite(reward.score)) return;
  throw new AppError(
    'BAD_INPUT',
    `The rollout of “${question.question.slice(0, 80)}” cannot be trained on.`,
    {
      fix: fits && isWhole ? 'Its score is not a number: check the reward.' : 'Collect the rollouts again.',
      context: { tokens: tokens.length, promptLength, score: reward.score },
    },
  );
}

/** A grid's values at the tokens of each rollout, `[tokens.length]`; 0 on the prompt, and where there is none of an episode. */
export function perToken(
  all: readonly Rollout[],
  { rollouts, length }: Episodes,
  grid: ArrayLike<number>,
): Float32Array[] {
  const rowOf = new Map(rollouts.map((rollout, i) => [rollout, i]));
  return all.map((rollout) => {
    const values = new Float32Array(rollout.tokens.length);
    const row = rowOf.get(rollout);
    if (row === undefined) return values;
    for (let t = 0; rollout.promptLength + t < values.length; t += 1) {
      values[rollout.promptLength + t] = grid[row * length + t]!;
    }
    return values;
  });
}
