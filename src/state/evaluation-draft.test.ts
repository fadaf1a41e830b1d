import { expect, it } from 'vitest';
import { readEvaluationConfig } from '../evaluation/config';
import { EVALUATION_PRESETS } from '../evaluation/presets';
import {
  configOf,
  DRAFT_PRESETS,
  draftProblem,
  EMPTY_DRAFT,
  GENERAL_SOURCES,
  labelsOf,
  parseNumber,
  parsePrice,
  parseSeeds,
  QUICK_TEST,
  withPreset,
} from './evaluation-draft';
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
      limit: '',
      prices: { prompt: '0.1', completion: '' },
      requestsPerMinute: '60',
    }),
  );
  expect(full).toMatchObject({
    sampling: { limit: null },
    prices: { prompt: 0.1, completion: 0 },
    limits: { requestsPerMinute: 60, concurrency: 1 },
  });
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

it('a number that is missing or out of its range is a problem, and never another number', () => {
  expect(draftProblem(EMPTY_DRAFT)).toBeNull();
  const wrong = (change: Partial<typeof EMPTY_DRAFT>) => draftProblem({ ...EMPTY_DRAFT, ...change });
  for (const turns of ['', ' ', '0', '9', '3.5', '-3', 'three', '1e1'])
    expect(wrong({ turns })).toBe('turns');
  for (const concurrency of ['', '0', '65']) expect(wrong({ concurrency })).toBe('concurrency');
  for (const limit of ['0', '-1', '2.5', 'all']) expect(wrong({ limit })).toBe('limit');
  expect(wrong({ limit: '' })).toBeNull();
  expect(wrong({ requestsPerMinute: '0' })).toBe('requestsPerMinute');
  expect(wrong({ prices: { prompt: '0.1', completion: 'x' } })).toBe('price');
  expect(wrong({ systems: [] })).toBe('systems');
  expect(wrong({ datasets: [] })).toBe('datasets');
  expect(wrong({ seeds: 'one' })).toBe('seeds');
  expect([parseNumber('turns', ' 8 '), parseNumber('limit', '')]).toEqual([8, null]);
  expect(['', '1', '.5', '0.25', '-1', '1e3', '1,5'].map(parsePrice)).toEqual([0, 1, 0.5, 0.25, undefined, undefined, undefined]); // prettier-ignore
});

it('a preset fills in what it is about and leaves models, corpus and limits', () => {
  const mine = { ...EMPTY_DRAFT, corpus: 'wiki', searcher: 'mine', concurrency: '8' };
  for (const preset of DRAFT_PRESETS) {
    const draft = withPreset(mine, preset);
    expect(draftProblem(draft)).toBeNull();
    expect(draft).toMatchObject({ corpus: 'wiki', searcher: 'mine', concurrency: '8' });
    if (preset === 'demo-quick') continue;
    const { name, systems, datasets, sampling, parameters } = readEvaluationConfig(configOf(draft));
    const own = readEvaluationConfig(EVALUATION_PRESETS[preset]);
    expect({ name, systems, datasets, sampling: { ...sampling, seed: own.sampling.seed }, parameters }).toEqual({
      ...{ name: own.name, systems: own.systems, datasets: own.datasets, sampling: own.sampling },
      parameters: own.parameters,
    }); // prettier-ignore
  }
  expect(withPreset(mine, 'quick-test')).toMatchObject({
    limit: '10',
    per: 'all',
    datasets: GENERAL_SOURCES,
  });
});
