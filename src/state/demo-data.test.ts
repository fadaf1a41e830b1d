import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseDemoQuestions } from './demo-data';
import { exampleQuestions, findDemoQuestion } from './demo-questions';

it('reads the demo questions that the page ships', async () => {
  const questions = parseDemoQuestions(await readFile('public/demo/questions.dev.jsonl', 'utf8'));
  expect(questions.length).toBeGreaterThanOrEqual(300);
  const examples = exampleQuestions(questions);
  expect(examples).toHaveLength(3);
  expect(new Set(examples.map((q) => q.hops))).toEqual(new Set([2, 3]));
});

it('names the line that is not sound', () => {
  expect(() => parseDemoQuestions('\n{"question": "q"}')).toThrow('Line 2');
});

it('knows a question whatever its case, spaces and question mark', () => {
  const question = { question: 'Who built the Bold Holter?', answers: ['J'], goldIds: [], hops: 1 };
  expect(findDemoQuestion([question], ' who built  the bold holter')).toBe(question);
  expect(findDemoQuestion([question], 'Who sank the Bold Holter?')).toBeUndefined();
});
