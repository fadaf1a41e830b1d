/** Gradients against central differences of the loss: an oracle that shares nothing with the backward passes. */
import { describe, expect, it } from 'vitest';
import { openTrunk } from '../../../tests/goldens/training-suite';
import type { Backend } from '../../gpu/backend';
import { CpuBackend } from '../../gpu/cpu/backend';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { LORA_MODULES, moduleShape } from '../../lm/lora/modules';
import { Random } from '../../lm/random';
import { packSequences } from './batch';
import { AdapterParameters, readParameters, WeightParameters, type Parameter } from './parameters';
import { PolicyModel, targetsOf, type PolicyOutputs } from './policy-model';
import { makeValueHead, ValueModel } from './value-model';
import type { TrainingTrunk } from './trunk';

const sizes = { rows: 12, sequences: 2, capacity: 8, headRows: 4 };
const batch = packSequences([
  [5, 3, 40, 7, 7, 19],
  [3, 100, 2, 41],
]);
const targets = targetsOf(batch, () => true);

const randomAdapter = ({ config }: TrainingTrunk, random: Random): LoraAdapter => ({
  ...{ rankStabilised: false, baseModel: undefined },
  pairs: Array.from({ length: config.layers }, (_, layer) =>
    LORA_MODULES.map((module) => {
      const { inputs, outputs } = moduleShape(config, module);
      const values = (count: number): Float32Array =>
        Float32Array.from({ length: count }, () => (random.uniform() - 0.5) * 0.2);
      const rank = module === 'v_proj' ? 2 : 4;
      return { layer, module, rank, alpha: 8, down: values(rank * inputs), up: values(outputs * rank) };
    }),
  ).flat(),
});

/** Moves each tensor along its own gradient, both ways: the loss must change by step · |gradient|. */
async function expectDifferences(
  backend: Backend,
  parameters: readonly Parameter[],
  loss: () => Promise<number>,
): Promise<void> {
  const values = await readParameters(backend, parameters, 'value');
  const gradients = await readParameters(backend, parameters, 'gradient');
  for (const [i, { name, value }] of parameters.entries()) {
    const gradient = gradients[i]!;
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    expect(norm, name).toBeGreaterThan(0);
    // Far enough for f32 to tell the two sides apart, near enough for the loss to be straight between them.
    const step = 2e-3 / norm;
    const moved = async (sign: number): Promise<number> => {
      backend.write(
        value,
        values[i]!.map((v, at) => v + (sign * step * gradient[at]!) / norm),
      );
      return loss();
    };
    const slope = ((await moved(1)) - (await moved(-1))) / (2 * step);
    backend.write(value, values[i]!);
    expect(slope / norm, name).toBeGreaterThan(0.98);
    expect(slope / norm, name).toBeLessThan(1.02);
  }
}

/** Log-probabilities and entropies with weights of either sign, so that nothing cancels by symmetry. */
const lossWeights = Array.from(targets.rows, (_, i) => ({
  a: Math.cos(3 * i) + 0.3,
  b: Math.sin(2 * i) * 0.5,
}));
const policyLoss = ({ logProbs, entropies }: PolicyOutputs): number =>
  lossWeights.reduce((sum, { a, b }, i) => sum + a * logProbs[i]! + b * entropies[i]!, 0);
const policySlopes = {
  logProbs: lossWeights.map(({ a }) => a),
  entropies: lossWeights.map(({ b }) => b),
};

describe.each(['qwen3-tiny', 'llama-tiny'])('%s', (folder) => {
  it('has the gradients of all its weights right', async () => {
    const backend = new CpuBackend();
    const { trunk } = await openTrunk(backend, folder, sizes);
    const weights = new WeightParameters(backend, trunk.weights);
    const model = new PolicyModel(trunk, { weights }, 0.7);
    await model.accumulate(batch, targets, () => policySlopes);
    await expectDifferences(backend, weights.parameters, async () =>
      policyLoss(await model.evaluate(batch, targets)),
    );
  });

  it('has the gradients of an adapter and a value head right', async () => {
    const backend = new CpuBackend();
    const { trunk } = await openTrunk(backend, folder, sizes);
    const random = new Random(5);
    const adapter = new AdapterParameters(backend, trunk.config, randomAdapter(trunk, random));
    const score = makeValueHead(trunk, {
      weight: Float32Array.from({ length: trunk.config.hiddenSize }, () => random.uniform() - 0.5),
      bias: Float32Array.of(0.1),
    });
    const model = new ValueModel(trunk, { adapter }, score);
    const rows = Uint32Array.of(0, 3, 5, 6, 9);
    const weightOf = (i: number): number => Math.cos(2 * i) + 0.2;
    await model.accumulate(batch, rows, (values) => values.map((_, i) => weightOf(i)));
    const parameters = [...adapter.parameters, score.weight, score.bias];
    await expectDifferences(backend, parameters, async () =>
      (await model.evaluate(batch, rows)).reduce((sum, value, i) => sum + weightOf(i) * value, 0),
    );
  });
});
