import { describe } from 'vitest';
import { describeBatches } from '../../tests/goldens/batch-suite';
import { openTestBackend } from '../../tests/goldens/open-test-backend';

describe('batches on the WebGPU backend', () => {
  describeBatches(() => openTestBackend(), { batches: [2, 16], mostPromptTokens: 9, mostNewTokens: 5 });
});
