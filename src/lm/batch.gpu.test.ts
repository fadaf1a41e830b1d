import { describe } from 'vitest';
import { describeBatches } from '../../tests/goldens/batch-suite';
import { openTestBackend } from '../../tests/goldens/open-test-backend';

describe('batches on the WebGPU backend', () => {
  describeBatches(() => openTestBackend(), [1, 3, 16]);
});
