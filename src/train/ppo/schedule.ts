/** Learning rates over the optimiser's steps: linear warm-up, then constant. */
import type { OptimiserConfig } from './config';

/**
 * rate · min(1, s / max(1, warmUpSteps)), s counted from 0: the first step has rate 0, with a warm-up or without one
 * (transformers `get_constant_schedule_with_warmup`, which verl and so s3 use).
 */
export const publishedLearningRate = (
  { learningRate: rate, warmUpSteps }: OptimiserConfig,
  step: number,
): number => rate * Math.min(1, step / Math.max(1, warmUpSteps));

/** The same without the lost first step, and annealed where that is asked for: rate · min(1, (s + 1) / max(1, warmUpSteps)) · (1 − s / annealSteps). */
export const learningRate = (
  { learningRate: rate, warmUpSteps, annealSteps = Infinity }: OptimiserConfig,
  step: number,
): number => rate * Math.min(1, (step + 1) / Math.max(1, warmUpSteps)) * Math.max(0, 1 - step / annealSteps);
