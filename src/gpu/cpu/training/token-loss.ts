/** Log-probability and entropy of tokens, and the gradient by their logits. */
import { SLOPE_FIELDS, TOKEN_ENTROPY, TOKEN_FIELDS, TOKEN_LOG_PROB, TOKEN_LOG_SUM_EXP } from '../../training';
import type { Kernels } from '../kernels';
import type { Floats, View } from '../memory';

export interface TokenViews {
  logits: Floats;
  targets: View<Uint32Array>;
  selected: View<Uint32Array>;
  statistics: Floats;
}

/** With z = logits/τ: log p = z[target] − log Σ e^z, H = log Σ e^z − Σ p·z. */
export function tokenStatistics(
  kernels: Kernels,
  { logits, ...views }: TokenViews,
  rows: number,
  width: number,
  temperature: number,
): void {
  const [targets, selected, statistics] = [views.targets.array, views.selected.array, views.statistics.array];
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    const { maximum, sum, mixed } = kernels.exponentialSums(logits, start, width, 1 / temperature);
    const logSum = Math.log(sum);
    const out = selected[row]! * TOKEN_FIELDS;
    statistics.fill(0, out, out + TOKEN_FIELDS);
    statistics[out + TOKEN_LOG_PROB] =
      (logits.array[start + targets[row]!]! - maximum) / temperature - logSum;
    statistics[out + TOKEN_ENTROPY] = logSum - mixed / sum;
    statistics[out + TOKEN_LOG_SUM_EXP] = maximum / temperature + logSum;
  }
}

/** ∂/∂logit i: (a·([i = target] − p_i) − b·p_i·(log p_i + H))/τ, with a and b the slopes by log p and H. */
export function logitGradient(
  kernels: Kernels,
  { logits, ...views }: TokenViews,
  slopes: Float32Array,
  rows: number,
  width: number,
  temperature: number,
): void {
  const [targets, selected, statistics] = [views.targets.array, views.selected.array, views.statistics.array];
  for (let row = 0; row < rows; row += 1) {
    const at = selected[row]!;
    const byLogProb = slopes[at * SLOPE_FIELDS]!;
    kernels.logitGradient(logits, row * width, width, {
      ...{ scale: 1 / temperature, byLogProb, byEntropy: slopes[at * SLOPE_FIELDS + 1]! },
      logSumExp: statistics[at * TOKEN_FIELDS + TOKEN_LOG_SUM_EXP]!,
      entropy: statistics[at * TOKEN_FIELDS + TOKEN_ENTROPY]!,
    });
    logits.array[row * width + targets[row]!]! += byLogProb / temperature;
  }
}
