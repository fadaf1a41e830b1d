import { describe } from 'vitest';
import { describeAttentionBias } from '../../tests/goldens/bias-suite';
import { CpuBackend } from '../gpu/cpu/backend';

describe('biases on all attention projections, on the CPU backend', () => {
  describeAttentionBias(() => Promise.resolve(new CpuBackend()));
});
