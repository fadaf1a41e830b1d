/** The clipped value loss of the reference PPO (openai/baselines `ppo2`; verl `compute_value_loss`), with its gradient. */
import { maskedMean, type Values } from './masked';

export interface ValueLossArguments {
  /** v now, and when the rollout was made; `[sequences, length]`. */
  values: Values;
  oldValues: Values;
  returns: Values;
  mask: Values;
  /** Of `lossWeights`. */
  weights: Values;
  /** c: v may move so far from v_old before it stops counting. */
  clip: number;
}

export interface ValueLoss {
  loss: number;
  /** ∂loss/∂values */
  gradient: Float64Array;
  /** Share of the positions whose clipped term is the larger. */
  clipFraction: number;
}

/** ½ Σ w·max((v − R)², (clip(v, v_old − c, v_old + c) − R)²) */
export function valueLoss({
  values,
  oldValues,
  returns,
  mask,
  weights,
  clip,
}: ValueLossArguments): ValueLoss {
  const gradient = new Float64Array(values.length);
  const clipped = new Float64Array(values.length);
  let loss = 0;
  for (let i = 0; i < values.length; i += 1) {
    if (mask[i] === 0) continue;
    const v = values[i]!;
    const near = Math.min(oldValues[i]! + clip, Math.max(oldValues[i]! - clip, v));
    const [plain, bounded] = [v - returns[i]!, near - returns[i]!];
    const isClipped = bounded ** 2 > plain ** 2;
    loss += 0.5 * weights[i]! * (isClipped ? bounded : plain) ** 2;
    // Where the clipped term is the larger, v has left the range, and moving it changes nothing.
    gradient[i] = isClipped ? 0 : weights[i]! * plain;
    clipped[i] = isClipped ? 1 : 0;
  }
  return { loss, gradient, clipFraction: maskedMean(clipped, mask) };
}
