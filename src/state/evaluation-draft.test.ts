import { expect, it } from 'vitest';
import { readEvaluationConfig } from '../evaluation/config';
import { configOf, EMPTY_DRAFT, GENERAL_SOURCES, labelsOf, parseSeeds, QUICK_TEST } from './evaluation-draft';
import { ENDPOINT } from './settings';

it('every draft of the page is a configuration that the runner takes', () => {
  const config = readEvaluationConfig(configOf(QUICK_TEST));
  expect(config.name).toBe('Quick test');
  expect(config.systems.map(({ label }) => label)).toEqual(['s3', 'naive-rag', 'naive-rag-bm25']);
  expect(config.reference).toBe('naive-rag');
  expect(config.sampling).toEqual({ limit: 10, per: 'set', seed: 42 });
  const full = readEvaluationConfig(
    configOf({
      ...EMPTY_DRAFT,
      datasets: [...GENERAL_SOURCES, 'file:mine.jsonl'],
      judge: 'demo',
      accuracy: 'genacc',
      limit: null,
      prices: { prompt: 0.1, completion: 0.4 },
      requestsPerMinute: 60,
    }),
  );
  expect(full.datasets.map(({ name }) => name)).toEqual([
    ...['nq', 'triviaqa', 'popqa', 'hotpotqa', '2wikimultihopqa', 'musique', 'mine'],
  ]);
});

it('systems with models of their own are labelled by them, each label once', () => {
  const lanes = [
    { system: 's3' as const },
    { system: 's3' as const, searcher: 'mine..rl' },
    { system: 's3' as const, searcher: 'mine..rl' },
  ];
  expect(labelsOf(lanes)).toEqual(['s3', 's3 · mine..rl', 's3 · mine..rl (2)']);
});

it('an endpoint is named with its role; a judge is asked where the generator is', () => {
  const config = readEvaluationConfig(
    configOf({ ...EMPTY_DRAFT, searcher: ENDPOINT, generator: ENDPOINT, judge: ENDPOINT }),
  );
  expect(config.models).toEqual({
    searcher: 'endpoint:searcher',
    generator: 'endpoint:generator',
    judge: 'endpoint:generator',
  });
});

it('seeds are whole numbers between commas, each once, and nothing else', () => {
  expect(parseSeeds('0, 1,1 7')).toEqual([0, 1, 7]);
  for (const text of ['', '-1', '1.5', 'a', '1e3', Array(21).fill('1').join(',')]) {
    expect(parseSeeds(text)).toBeNull();
  }
});
