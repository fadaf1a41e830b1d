import { describe } from 'vitest';
import { describeEngine } from '../../tests/goldens/engine-suite';
import { openTestBackend } from '../../tests/goldens/open-test-backend';

describe('the engine on the WebGPU backend', () => {
  describeEngine(() => openTestBackend());
});
