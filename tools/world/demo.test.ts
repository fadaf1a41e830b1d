import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEMO, demoFiles } from './demo';

const FOLDER = new URL('../../public/demo/', import.meta.url);
const files = demoFiles();

it.each([...files.keys()])('public/demo/%s is what the generator makes now', (name) => {
  const committed = readFileSync(new URL(name, FOLDER), 'utf8');
  // Compared as a flag: a difference of megabytes helps nobody. To renew: npx tsx tools/world/main.ts --out public/demo
  expect(committed === files.get(name)).toBe(true);
});

it('holds about 2,000 passages and at least 300 dev and 300 test questions', () => {
  const lines = (name: string) => (files.get(name) ?? '').trimEnd().split('\n');
  expect(lines('corpus.jsonl')).toHaveLength(2 * DEMO.passages);
  expect(lines('questions.dev.jsonl').length).toBeGreaterThanOrEqual(300);
  expect(lines('questions.test.jsonl').length).toBeGreaterThanOrEqual(300);
  const ids = lines('corpus.jsonl').map((line) => (JSON.parse(line) as { id: string }).id);
  expect(new Set(ids).size).toBe(ids.length);
});
