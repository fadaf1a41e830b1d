import { afterEach, expect, it } from 'vitest';
import { madeRollouts, openToy, toyRun } from '../../../tests/training/toy-model';
import { CpuBackend } from '../../gpu/cpu/backend';
import type { TrainingModel } from './open-training-model';

const backend = new CpuBackend();
let open: TrainingModel[] = [];
const toy = async (...of: Parameters<typeof toyRun>): Promise<TrainingModel> => {
  const model = await openToy(backend, toyRun(...of));
  open.push(model);
  return model;
};

afterEach(() => {
  for (const model of open) model.dispose();
  open = [];
  expect(backend.liveBytes).toBe(0);
});

it('has ratio 1, no KL and no clipping in the first mini-batch, exactly', async () => {
  const { trainer } = await toy();
  const { metrics, advantages, values } = await trainer.step(madeRollouts(8, 1));
  expect(metrics).toMatchObject({ ratioDeviation: 0, approximateKl: 0, clipFraction: 0, failedRollouts: 0 });
  expect(advantages).toHaveLength(8);
  expect(values.flatMap((row) => [...row]).every(Number.isFinite)).toBe(true);
});
