import { describe } from 'vitest';
import { describeTraining } from '../../../tests/goldens/training-suite';
import { CpuBackend } from '../../gpu/cpu/backend';

describe('training on the CPU backend', () => {
  describeTraining(() => Promise.resolve(new CpuBackend()), {
    cases: [
      ['skip_b_offpolicy', 5],
      ['plain_a_temp', 1],
    ],
  });
});
