import { expect, test } from 'vitest';
import { leavesLine } from './leaves';

test('says that nothing leaves only where nothing does', () => {
  expect(leavesLine([])).toBe('nothing leaves this tab');
  expect(leavesLine([{ role: 'corpus', host: 'vectors.example' }])).toBe('queries go to vectors.example');
  expect(leavesLine([{ role: 'pack', host: 'files.example' }])).toBe('passages are read from files.example');
});

test('names each host once, what a model is shown before what is searched for', () => {
  expect(
    leavesLine([
      { role: 'corpus', host: 'vectors.example' },
      { role: 'searcher', host: 'models.example' },
      { role: 'generator', host: 'models.example' },
    ]),
  ).toBe('questions and kept passages go to models.example, queries go to vectors.example');
});
