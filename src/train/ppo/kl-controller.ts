/** The coefficient β of the KL penalty, fixed or steered to a target (Ziegler et al., arXiv 1909.08593, §2.2). */

export type KlController =
  | { kind: 'fixed'; coefficient: number }
  | { kind: 'adaptive'; initial: number; target: number; horizon: number };

export const initialKlCoefficient = (controller: KlController): number =>
  controller.kind === 'fixed' ? controller.coefficient : controller.initial;

/**
 * β after a step: β·(1 + clip(kl/target − 1, −0.2, 0.2)·n/horizon).
 * @param currentKl Mean over sequences of their mean KL a token
 * @param sequences n, those of the step
 */
export function nextKlCoefficient(
  controller: KlController,
  coefficient: number,
  currentKl: number,
  sequences: number,
): number {
  if (controller.kind === 'fixed') return controller.coefficient;
  const error = Math.min(0.2, Math.max(-0.2, currentKl / controller.target - 1));
  return coefficient * (1 + (error * sequences) / controller.horizon);
}
