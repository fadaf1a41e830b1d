/** One matrix product of a layer, with the adapters of the modules that it holds: forward and backward. */
import type { Extent, Operation, Operations, Tensor } from '../../gpu/backend';
import type { TrainingOperations } from '../../gpu/training';
import type { LowRankParameters } from './parameters';

export interface SiteModule {
  name: string;
  /** Where its output begins in the site's. */
  column: number;
  pair: LowRankParameters | undefined;
}

export interface SiteArguments {
  rows: Extent;
  input: Tensor;
  weight: Tensor;
  bias?: Tensor | undefined;
  output: Tensor;
  /** Adds to the output. */
  accumulate: boolean;
  outputGradient: Tensor;
  inputGradient: Tensor;
  /** Where the weights are trained. */
  weightGradient?: Tensor | undefined;
  biasGradient?: Tensor | undefined;
  modules: readonly SiteModule[];
  lowRank: (name: string, rank: number) => Tensor;
  lowRankGradient: (rank: number) => Tensor;
}

export interface SiteOperations {
  /** x·Aᵀ of each adapter, which the backward pass needs as well. */
  lower: Operation[];
  /** The product and what the adapters add. */
  product: Operation[];
  backward: Operation[];
}

export function buildSite(op: Operations, train: TrainingOperations, a: SiteArguments): SiteOperations {
  const { rows, input, weight, output, outputGradient, inputGradient } = a;
  const site: SiteOperations = { lower: [], product: [], backward: [] };
  const bias = a.bias && { bias: a.bias };
  site.product.push(op.linear({ rows, input, weight, ...bias, output, accumulate: a.accumulate }));
  site.backward.push(train.linearInputGradient({ rows, outputGradient, weight, inputGradient }));
  if (a.weightGradient) {
    const { weightGradient } = a;
    site.backward.push(train.linearWeightGradient({ rows, input, outputGradient, weightGradient }));
  }
  if (a.biasGradient) {
    site.backward.push(train.biasGradient({ rows, outputGradient, biasGradient: a.biasGradient }));
  }
  for (const { name, column, pair } of a.modules) {
    if (!pair) continue;
    const { down, up, rank, scale } = pair;
    const low = a.lowRank(name, rank);
    const lowGradient = a.lowRankGradient(rank);
    const place = { outputColumn: column, scale };
    site.lower.push(op.linear({ rows, input, weight: down.value, output: low }));
    site.product.push(op.linear({ rows, input: low, weight: up.value, output, ...place, accumulate: true }));
    site.backward.push(
      train.linearWeightGradient({ rows, input: low, outputGradient, ...place, weightGradient: up.gradient }),
      train.linearInputGradient({
        ...{ rows, outputGradient, ...place, weight: up.value },
        inputGradient: lowGradient,
      }),
      train.linearWeightGradient({
        ...{ rows, input, outputGradient: lowGradient },
        weightGradient: down.gradient,
      }),
      train.linearInputGradient({
        ...{ rows, outputGradient: lowGradient, weight: down.value },
        ...{ inputGradient, accumulate: true },
      }),
    );
  }
  return site;
}
