/** All cases against the complete goldens, which are too large to lie beside the code. */
import { relative, resolve } from 'node:path';
import { describe } from 'vitest';
import { GOLDEN_CASES } from '../../../tests/goldens/ppo-golden';
import { goldensFolder } from '../../../tests/goldens/read-tensors';
import { describeTraining } from '../../../tests/goldens/training-suite';
import { CpuBackend } from '../../gpu/cpu/backend';

describe('training on the CPU backend, against everything', () => {
  describeTraining(() => Promise.resolve(new CpuBackend()), {
    cases: GOLDEN_CASES.map((name) => [name, 5] as const),
    folder: relative(goldensFolder, resolve(process.env['S3_DATA'] ?? '', 'goldens')),
  });
});
