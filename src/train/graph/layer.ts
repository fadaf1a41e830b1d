/** One decoder layer in training: forward from its saved input, and backward, with the forward pass computed again where it is not kept. */
import type { Operation, Operations, Tensor } from '../../gpu/backend';
import type { TrainingOperations } from '../../gpu/training';
import type { ModelConfig } from '../../lm/config';
import { moduleShape, type LoraModule } from '../../lm/lora/modules';
import type { LayerTensors } from '../../lm/weights-table';
import type { Activations } from './activations';
import type { Trained } from './parameters';
import { buildSite, type SiteModule } from './site';

export interface LayerProgram {
  /** From `inputs[index]` to `inputs[index + 1]`. */
  forward: Operation[];
  /** `gradients.residual` goes from the layer's output to its input. */
  backward: Operation[];
}

export interface LayerContext {
  op: Operations;
  train: TrainingOperations;
  config: ModelConfig;
  activations: Activations;
  weights: LayerTensors<Tensor>;
  trained: Trained;
  index: number;
  /** The activations are those of the forward pass still. */
  isKept: boolean;
}

export function buildLayer({ op, train, config, activations, ...layer }: LayerContext): LayerProgram {
  const { weights, trained, index } = layer;
  const { rows, rowTable, heads, angles, gradients, lowRankGradient } = activations;
  const at = activations.layers[index]!;
  const { cache, projections, lowRank } = at;
  const [input, next] = [activations.inputs[index]!, activations.inputs[index + 1]!];
  const slopes = trained.weights?.gradients.layers[index];
  const epsilon = config.normEpsilon;
  const beside = (...names: LoraModule[]): SiteModule[] => {
    let column = 0;
    return names.map((name) => {
      const module = { name, column, pair: trained.adapter?.pair(index, name) };
      column += moduleShape(config, name).outputs;
      return module;
    });
  };
  const common = { rows, lowRank, lowRankGradient };
  const qkv = buildSite(op, train, {
    ...{ ...common, input: at.normed, weight: weights.projections, bias: weights.projectionBias },
    ...{ output: projections, accumulate: false },
    ...{ outputGradient: gradients.projections, inputGradient: gradients.normed },
    ...{ weightGradient: slopes?.projections, biasGradient: slopes?.projectionBias },
    modules: beside('q_proj', 'k_proj', 'v_proj'),
  });
  const output = buildSite(op, train, {
    ...{ ...common, input: at.attended, weight: weights.attentionOutput, bias: weights.outputBias },
    ...{ output: at.middle, accumulate: true },
    ...{ outputGradient: gradients.residual, inputGradient: gradients.attended },
    ...{ weightGradient: slopes?.attentionOutput, biasGradient: slopes?.outputBias },
    modules: beside('o_proj'),
  });
  const gateUp = buildSite(op, train, {
    ...{ ...common, input: at.middleNormed, weight: weights.gateUp, output: at.gateUp, accumulate: false },
    ...{ outputGradient: gradients.gateUp, inputGradient: gradients.normed },
    ...{ weightGradient: slopes?.gateUp, modules: beside('gate_proj', 'up_proj') },
  });
  const down = buildSite(op, train, {
    ...{ ...common, input: at.gated, weight: weights.down, output: next, accumulate: true },
    ...{ outputGradient: gradients.residual, inputGradient: gradients.gated },
    ...{ weightGradient: slopes?.down, modules: beside('down_proj') },
  });
  const attentionNorm = { weight: weights.attentionNorm, epsilon };
  const mlpNorm = { weight: weights.mlpNorm, epsilon };
  const headNorm = weights.headNorms &&
    at.unnormed && {
      ...{ rows, heads, epsilon, unnormed: at.unnormed },
      ...{ queryWeight: weights.headNorms.query, keyWeight: weights.headNorms.key },
    };
  /** Everything up to the gate: what the backward pass needs. */
  const upToGate = [
    train.rmsNorm({ rows, input, norm: attentionNorm, output: at.normed }),
    ...qkv.lower,
    ...qkv.product,
    ...(headNorm
      ? [
          train.copyRows({ rows, input: projections, output: headNorm.unnormed }),
          op.headNorm({ ...headNorm, projections }),
        ]
      : []),
    op.rotateAndCache({ rows, rowTable, heads, projections, angles, cache }),
    op.attention({ rows, rowTable, heads, projections, cache, output: at.attended }),
    train.copyRows({ rows, input, output: at.middle }),
    ...output.lower,
    ...output.product,
    train.rmsNorm({ rows, input: at.middle, norm: mlpNorm, output: at.middleNormed }),
    ...gateUp.lower,
    ...gateUp.product,
    op.gate({ rows, input: at.gateUp, output: at.gated }),
    ...down.lower,
  ];
  const normGradients = (weightGradient: Tensor | undefined): { weightGradient?: Tensor } =>
    weightGradient ? { weightGradient } : {};
  return {
    forward: [...upToGate, train.copyRows({ rows, input: at.middle, output: next }), ...down.product],
    backward: [
      ...(layer.isKept ? [] : upToGate),
      ...down.backward,
      train.gateGradient({
        ...{ rows, input: at.gateUp, outputGradient: gradients.gated, inputGradient: gradients.gateUp },
      }),
      ...gateUp.backward,
      train.rmsNormGradient({
        ...{ rows, input: at.middle, norm: mlpNorm, outputGradient: gradients.normed },
        ...{ inputGradient: gradients.residual, accumulate: true, ...normGradients(slopes?.mlpNorm) },
      }),
      ...output.backward,
      train.attentionGradient({
        ...{ rows, rowTable, heads, projections, cache, output: at.attended },
        ...{ outputGradient: gradients.attended, statistics: activations.attentionStatistics },
        gradient: gradients.projections,
      }),
      train.rotateGradient({ rows, rowTable, heads, angles, gradient: gradients.projections }),
      ...(headNorm
        ? [
            train.headNormGradient({
              ...{ ...headNorm, projections: headNorm.unnormed, gradient: gradients.projections },
              ...(slopes?.headNorms && {
                queryWeightGradient: slopes.headNorms.query,
                keyWeightGradient: slopes.headNorms.key,
              }),
            }),
          ]
        : []),
      ...qkv.backward,
      train.rmsNormGradient({
        ...{ rows, input, norm: attentionNorm, outputGradient: gradients.normed },
        ...{ inputGradient: gradients.residual, accumulate: true, ...normGradients(slopes?.attentionNorm) },
      }),
    ],
  };
}
