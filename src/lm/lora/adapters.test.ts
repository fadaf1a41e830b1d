import { describe } from 'vitest';
import { describeAdapters } from '../../../tests/goldens/lora-suite';
import { CpuBackend } from '../../gpu/cpu/backend';

describe('an adapter on the CPU backend', () => {
  describeAdapters(() => Promise.resolve(new CpuBackend()));
});
