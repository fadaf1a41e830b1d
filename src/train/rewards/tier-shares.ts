import type { Rollout } from '../records';

/**
 * Share of the rollouts in each tier of their reward, the best-paid first; undefined where the reward has no tiers. Failed rollouts are
 * left out.
 */
export function tierShares(
  rollouts: readonly Pick<Rollout, 'reward' | 'failed'>[],
): Record<string, number> | undefined {
  const tiers = new Map<string, { count: number; score: number }>();
  const whole = rollouts.filter(({ failed }) => !failed);
  for (const { reward } of whole) {
    if (reward.tier === undefined) return undefined;
    const { count = 0, score = reward.score } = tiers.get(reward.tier) ?? {};
    tiers.set(reward.tier, { count: count + 1, score });
  }
  if (whole.length === 0) return undefined;
  const sorted = [...tiers].sort(([, a], [, b]) => b.score - a.score);
  return Object.fromEntries(sorted.map(([tier, { count }]) => [tier, count / whole.length]));
}
