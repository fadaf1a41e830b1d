import { expect, it } from 'vitest';
import { openToy, TOY, toyRun } from '../../../tests/training/toy-model';
import { CpuBackend } from '../../gpu/cpu/backend';
import { parseModelConfig } from '../../lm/config';
import { planTrainingMemory } from './plan-memory';

const sizes = { maxContext: 64, maxTokens: 64, passTokens: 256, slots: 8 };

it.each([
  ['an adapter with a critic of its own', {}],
  ['an adapter with the cheap critic', { criticRank: 0 }],
  ['the whole model, which is also the generator', { trained: { kind: 'model' }, criticRank: 0 }],
  ['the whole model alone', { trained: { kind: 'model' }, criticRank: 0, generator: 'another' }],
] as const)('the plan of %s is what is allocated, to the byte', async (_, run) => {
  const backend = new CpuBackend();
  const config = toyRun({}, run);
  const plan = planTrainingMemory({
    ...{ model: parseModelConfig(TOY), config, device: 'cpu', preferredRows: backend.preferredRows },
    ...sizes,
  });
  const { trainer, dispose } = await openToy(backend, config, sizes);
  expect(trainer.liveBytes).toBe(plan.total);
  dispose();
});
