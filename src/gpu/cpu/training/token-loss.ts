/** Log-probability and entropy of tokens, and the gradient by their logits. */
import { SLOPE_FIELDS, TOKEN_ENTROPY, TOKEN_FIELDS, TOKEN_LOG_PROB, TOKEN_LOG_SUM_EXP } from '../../training';

export interface TokenArrays {
  logits: Float32Array;
  targets: Uint32Array;
  selected: Uint32Array;
  statistics: Float32Array;
}

/** With z = logits/τ: log p = z[target] − log Σ e^z, H = log Σ e^z − Σ p·z. */
export function tokenStatistics(a: TokenArrays, rows: number, width: number, temperature: number): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    let maximum = -Infinity;
    for (let i = 0; i < width; i += 1) maximum = Math.max(maximum, a.logits[start + i]! / temperature);
    let sum = 0;
    let mixed = 0;
    for (let i = 0; i < width; i += 1) {
      const shifted = a.logits[start + i]! / temperature - maximum;
      const weight = Math.exp(shifted);
      sum += weight;
      // A token of probability 0 may have the logit −∞.
      if (weight > 0) mixed += weight * shifted;
    }
    const logSum = Math.log(sum);
    const out = a.selected[row]! * TOKEN_FIELDS;
    a.statistics.fill(0, out, out + TOKEN_FIELDS);
    a.statistics[out + TOKEN_LOG_PROB] = a.logits[start + a.targets[row]!]! / temperature - maximum - logSum;
    a.statistics[out + TOKEN_ENTROPY] = logSum - mixed / sum;
    a.statistics[out + TOKEN_LOG_SUM_EXP] = maximum + logSum;
  }
}

/** ∂/∂logit i: (a·([i = target] − p_i) − b·p_i·(log p_i + H))/τ, with a and b the slopes by log p and H. */
export function logitGradient(
  a: TokenArrays,
  slopes: Float32Array,
  rows: number,
  width: number,
  temperature: number,
): void {
  for (let row = 0; row < rows; row += 1) {
    const start = row * width;
    const at = a.selected[row]!;
    const entropy = a.statistics[at * TOKEN_FIELDS + TOKEN_ENTROPY]!;
    const logSumExp = a.statistics[at * TOKEN_FIELDS + TOKEN_LOG_SUM_EXP]!;
    const byLogProb = slopes[at * SLOPE_FIELDS]!;
    const byEntropy = slopes[at * SLOPE_FIELDS + 1]!;
    for (let i = 0; i < width; i += 1) {
      const logP = a.logits[start + i]! / temperature - logSumExp;
      const p = Math.exp(logP);
      const bend = p > 0 ? byEntropy * p * (logP + entropy) : 0;
      const hit = i === a.targets[row] ? byLogProb : 0;
      a.logits[start + i] = (hit - byLogProb * p - bend) / temperature;
    }
  }
}
