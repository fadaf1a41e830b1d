import { expect, it } from 'vitest';
import { namingComplaint } from './naming';

it.each([
  'src/agent/action-parser.ts',
  'src/agent/action-parser.test.ts',
  'src/lm/engine.gpu.test.ts',
  'src/state/laboratory.svelte.ts',
  'src/app/widgets/SafeHtml.svelte',
  'src/app/widgets/SafeHtml.browser.test.ts',
  'vite.config.ts',
  '.dependency-cruiser.cjs',
])('accepts %s', (path) => {
  expect(namingComplaint(path)).toBeUndefined();
});

it.each([
  'src/agent/actionParser.ts',
  'src/agent/action_parser.ts',
  'src/app/ask-page.svelte',
  'src/Agent/loop.ts',
  'src/lm/utils.ts',
  'src/utils/loop.ts',
  'src/agent/SafeHtml.ts',
])('refuses %s', (path) => {
  expect(namingComplaint(path)).toContain(path);
});
