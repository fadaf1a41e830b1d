import { describe } from 'vitest';
import { describeEngine } from '../../tests/goldens/engine-suite';
import { CpuBackend } from '../gpu/cpu/backend';

describe('the engine on the CPU backend', () => {
  describeEngine(() => Promise.resolve(new CpuBackend()));
});
