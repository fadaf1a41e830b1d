/** The tokens of a rollout with what each was worth, made ready to be drawn. Pure. */
import type { RolloutRecord } from '../train/records';

type Token = RolloutRecord['tokens'][number];

/** What the policy wrote, token by token; or a stretch of what it was shown, folded. */
export type CreditPart =
  | {
      kind: 'written';
      tokens: { text: string; advantage: number | null; value: number | null; strength: number }[];
    }
  | { kind: 'shown'; text: string; count: number };

export interface Credit {
  parts: CreditPart[];
  /** The largest advantage by size: the scale of the colours. */
  scale: number;
  positive: number;
  negative: number;
  best: { text: string; advantage: number } | null;
  worst: { text: string; advantage: number } | null;
}

/** How strongly a token is tinted: −1 … 1. The square root lets small advantages be seen beside one large one. */
export const strengthOf = (advantage: number, scale: number): number =>
  scale > 0 ? Math.sign(advantage) * Math.sqrt(Math.min(1, Math.abs(advantage) / scale)) : 0;

const known = (token: Token): token is Token & { advantage: number } =>
  token.action && token.advantage !== undefined && Number.isFinite(token.advantage);

export function creditOf(tokens: readonly Token[]): Credit {
  const valued = tokens.filter(known);
  const scale = valued.reduce((most, { advantage }) => Math.max(most, Math.abs(advantage)), 0);
  const parts: CreditPart[] = [];
  for (const token of tokens) {
    const last = parts.at(-1);
    if (!token.action) {
      if (last?.kind === 'shown') {
        last.text += token.text;
        last.count++;
      } else parts.push({ kind: 'shown', text: token.text, count: 1 });
      continue;
    }
    const advantage = known(token) ? token.advantage : null;
    const written = {
      ...{ text: token.text, advantage, value: token.value ?? null },
      strength: advantage === null ? 0 : strengthOf(advantage, scale),
    };
    if (last?.kind === 'written') last.tokens.push(written);
    else parts.push({ kind: 'written', tokens: [written] });
  }
  const by = [...valued].sort((a, b) => b.advantage - a.advantage);
  const [best] = by;
  const worst = by.at(-1);
  return {
    ...{ parts, scale, positive: valued.filter(({ advantage }) => advantage > 0).length },
    negative: valued.filter(({ advantage }) => advantage < 0).length,
    best: best && best.advantage > 0 ? best : null,
    worst: worst && worst.advantage < 0 ? worst : null,
  };
}

export interface RankedRollout {
  rollout: RolloutRecord;
  /** Its place in the record. */
  index: number;
  end: 'best' | 'worst' | null;
}

/** The best first and the worst last, marked so where they differ. */
export function rankRollouts(rollouts: readonly RolloutRecord[]): RankedRollout[] {
  const ranked = rollouts
    .map((rollout, index) => ({ rollout, index }))
    .sort((a, b) => b.rollout.reward.score - a.rollout.reward.score);
  const best = ranked[0]?.rollout.reward.score ?? 0;
  const worst = ranked.at(-1)?.rollout.reward.score ?? 0;
  return ranked.map((entry, place) => ({
    ...entry,
    end: best === worst ? null : place === 0 ? 'best' : place === ranked.length - 1 ? 'worst' : null,
  }));
}
