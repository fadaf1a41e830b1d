import { Random } from '../../lm/random';
import type { PpoConfig } from '../ppo/config';

/** A permutation of 0 … n−1 that depends on seed and epoch alone (Fisher and Yates). */
function permutation(n: number, seed: number, epoch: number): Uint32Array {
  const random = new Random(seed * 1_000_003 + epoch);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i -= 1) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * Which questions come at positions `from` … `from + count − 1` of a run that goes through all of them again and again, each time
 * in another order. A batch at the seam of two epochs takes from both, so that none is left out.
 */
export function questionsAt<T>(questions: readonly T[], seed: number, from: number, count: number): T[] {
  const n = questions.length;
  if (n === 0) return [];
  let epoch = -1;
  let order = new Uint32Array();
  return Array.from({ length: count }, (_, i) => {
    const position = from + i;
    const current = Math.floor(position / n);
    if (current !== epoch) {
      epoch = current;
      order = permutation(n, seed, epoch) as Uint32Array<ArrayBuffer>;
    }
    return questions[order[position - epoch * n]!]!;
  });
}

/** Steps of a whole run: as many as its epochs have batches (the last one may take from the next epoch), or fewer where it says so. */
export function stepsOf({ batch, run }: Pick<PpoConfig, 'batch' | 'run'>, questions: number): number {
  const ofEpochs = Math.ceil((run.epochs * questions) / batch.prompts);
  return run.steps === null ? ofEpochs : Math.min(run.steps, ofEpochs);
}
