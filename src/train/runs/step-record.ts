import { METRIC_GROUPS, type Rollout, type RolloutRecord, type StepMetrics } from '../records';

/** Rollouts that a step's record keeps. */
const KEPT = 4;

export interface StepOutcome {
  rollouts: readonly Rollout[];
  /** Per rollout and token. */
  advantages: readonly Float32Array[];
  values: readonly Float32Array[];
}

/** The best, the worst, the second best, the second worst; by score, then by their order. Failed ones come last. */
export function pickRollouts(rollouts: readonly Rollout[], most = KEPT): number[] {
  const rank = ({ failed, reward }: Rollout): number => (failed ? -Infinity : reward.score);
  const order = rollouts.map((_, i) => i).sort((a, b) => rank(rollouts[b]!) - rank(rollouts[a]!) || a - b);
  const picked: number[] = [];
  for (let low = 0, high = order.length - 1; low <= high && picked.length < most; low += 1, high -= 1) {
    picked.push(order[low]!);
    if (high > low && picked.length < most) picked.push(order[high]!);
  }
  return picked;
}

/** As the record keeps it: the response's tokens as text, with what the trainer made of them. */
export function rolloutRecord(
  { rollouts, advantages, values }: StepOutcome,
  index: number,
  texts: (tokens: readonly number[]) => string[],
): RolloutRecord {
  const { question, reward, events, tokens, promptLength, actions } = rollouts[index]!;
  const [advantage, value] = [advantages[index], values[index]];
  const response = tokens.slice(promptLength);
  const words = texts(response);
  return {
    ...{ questionId: question.id, question: question.question, goldAnswers: question.goldAnswers },
    ...{ reward, events },
    tokens: response.map((_, i) => {
      const at = promptLength + i;
      const action = actions[at] === 1;
      const [a, v] = [advantage?.[at], value?.[at]];
      return {
        ...{ text: words[i] ?? '', action },
        ...(action && a !== undefined && { advantage: a }),
        ...(action && v !== undefined && { value: v }),
      };
    }),
  };
}

/** The first metric that is no number, in the order of the charts. */
export function brokenMetric(metrics: StepMetrics): string | undefined {
  return Object.values(METRIC_GROUPS)
    .flat()
    .find((name) => metrics[name] !== undefined && !Number.isFinite(metrics[name]));
}
