import { describe } from 'vitest';
import { describeAdapters } from '../../../tests/goldens/lora-suite';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';

describe('an adapter on the WebGPU backend', () => {
  describeAdapters(() => openTestBackend());
});
