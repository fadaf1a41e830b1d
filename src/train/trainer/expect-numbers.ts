/** Training stops where something is not a number, and says what. */
import { AppError } from '../../protocol/errors';
import type { TrainerState } from '../records';

const FIX = 'Go back to the last checkpoint and lower the learning rate.';

/** @throws AppError INTERNAL; `context.tensor` is `what` */
export function expectNumbers(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i += 1) {
    if (Number.isFinite(values[i])) continue;
    throw new AppError('INTERNAL', `Training stopped: the ${what} are not numbers.`, {
      fix: FIX,
      context: { tensor: what },
    });
  }
}

/** Where a parameter itself is broken, the error names it, and not what was computed with it. */
export function nameBrokenTensor(error: unknown, state: TrainerState): unknown {
  if (!(error instanceof AppError) || error.context?.['tensor'] === undefined) return error;
  const broken = state.tensors.find(({ values }) => !values.every(Number.isFinite));
  if (!broken) return error;
  return new AppError('INTERNAL', `Training stopped: ${broken.name} holds values that are no numbers.`, {
    ...{ fix: 'Go back to an earlier checkpoint and lower the learning rate.', cause: error },
    context: { tensor: broken.name },
  });
}
