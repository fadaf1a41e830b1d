import { it } from 'vitest';
import { openTestBackend } from '../../tests/goldens/open-test-backend';
import { expectTheStory } from '../../tests/goldens/stories-suite';
import { findLavapipe } from '../../tools/browser/find.mjs';

// Like the test project of that name, left out where Mesa is missing or too old.
it.runIf('manifest' in findLavapipe())(
  'continues a story on lavapipe as the reference does, 64 greedy tokens',
  async () => expectTheStory(await openTestBackend({}, 'lavapipe')),
);
