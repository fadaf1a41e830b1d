import { it } from 'vitest';
import { openTestBackend } from '../../tests/goldens/open-test-backend';
import { expectTheStory } from '../../tests/goldens/stories-suite';

it('continues a story on swiftshader as the reference does, 64 greedy tokens', async () =>
  expectTheStory(await openTestBackend({}, 'swiftshader')));
