import { describe } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { describeTraining } from '../../../tests/goldens/training-suite';

describe('training on the WebGPU backend', () => {
  describeTraining(() => openTestBackend(), { cases: [['skip_b_offpolicy', 2]] });
});
