import { describe } from 'vitest';
import { describeAttentionBias } from '../../tests/goldens/bias-suite';
import { openTestBackend } from '../../tests/goldens/open-test-backend';

describe('biases on all attention projections, on the WebGPU backend', () => {
  describeAttentionBias(() => openTestBackend());
});
