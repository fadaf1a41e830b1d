import { describe } from 'vitest';
import { describeBatches } from '../../tests/goldens/batch-suite';
import { CpuBackend } from '../gpu/cpu/backend';

describe('batches on the CPU backend', () => {
  describeBatches(() => Promise.resolve(new CpuBackend()), {
    ...{ batches: [1, 2, 3, 4, 5, 8, 11, 16], mostPromptTokens: 40, mostNewTokens: 20 },
  });
});
