import { expect, it } from 'vitest';
import { misfitOf } from './system-fit';

it('the demo model fits s3 and its ablations, and nothing else that searches in turns', () => {
  expect(misfitOf('s3', 'demo', 'demo')).toBeNull();
  expect(misfitOf('s3-neither', 'demo', 'demo')).toBeNull();
  for (const system of ['deepretrieval', 'search-r1', 'search-r1-ret', 'ircot', 'search-o1-s3'] as const) {
    expect(misfitOf(system, 'demo', 'demo')).toBe('other-protocol');
  }
});

it('a trained system wants its own checkpoint; instructions are enough for the prompted ones', () => {
  expect(misfitOf('search-r1', 'search-r1', undefined)).toBeNull();
  expect(misfitOf('search-r1', 'general', undefined)).toBe('untrained');
  expect(misfitOf('search-r1', 's3', undefined)).toBe('other-protocol');
  expect(misfitOf('ircot', undefined, undefined)).toBeNull();
  expect(misfitOf('search-o1', 'deepretrieval', undefined)).toBe('other-protocol');
});

it('who only reads passages has nothing to say without any', () => {
  expect(misfitOf('direct', undefined, 'demo')).toBe('by-heart');
  expect(misfitOf('cot', undefined, 'general')).toBeNull();
  expect(misfitOf('naive-rag', undefined, 'demo')).toBeNull();
});
