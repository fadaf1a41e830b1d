import { it } from 'vitest';
import { expectTheStory } from '../../tests/goldens/stories-suite';
import { CpuBackend } from '../gpu/cpu/backend';

it('continues a story on the CPU as the reference does, 64 greedy tokens', () =>
  expectTheStory(new CpuBackend()));
