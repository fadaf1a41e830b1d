import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { readEvaluationConfig } from './config';

const least = { systems: ['s3', 'naive-rag'], datasets: ['demo:test'] };

const messageOf = (json: unknown): string => {
  try {
    readEvaluationConfig(json);
  } catch (error) {
    if (error instanceof AppError && error.code === 'BAD_INPUT') return error.message;
    throw error;
  }
  return '';
};

describe('a configuration', () => {
  it('is filled in from its shortest form', () => {
    expect(readEvaluationConfig(least)).toMatchObject({
      systems: [
        { label: 's3', system: 's3' },
        { label: 'naive-rag', system: 'naive-rag' },
      ],
      datasets: [{ name: 'demo:test', source: 'demo:test' }],
      seeds: [0],
      models: { searcher: 'demo', generator: 'demo' },
      sampling: { limit: null, per: 'set', seed: 42 },
      reference: 'naive-rag',
      limits: { concurrency: 4, attempts: 3 },
    });
  });

  it('read twice stays what it was', () => {
    const once = readEvaluationConfig({
      ...least,
      systems: ['s3', { system: 's3', label: 's3 5-3-4', settings: { documentsPerQuery: 5, maxTurns: 4 } }],
      prices: { prompt: 1, completion: 2 },
    });
    expect(readEvaluationConfig(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });

  it('names data sets after their files, or their folders where the file is a split', () => {
    const names = (...datasets: unknown[]) =>
      readEvaluationConfig({ ...least, datasets }).datasets.map((d) => d.name);
    expect(
      names(
        'qa/popqa_1000.jsonl',
        'hf:datasets/RUC-NLPIR/FlashRAG_datasets/nq/test.jsonl@main',
        'beir/scifact/',
        'file:mirage.json.gz',
      ),
    ).toEqual(['popqa_1000', 'nq', 'scifact', 'mirage']);
    expect(names({ source: 'mirage.json', part: 'medqa' })).toEqual(['medqa']);
  });

  it.each([
    [{}, 'systems is missing; datasets is missing'],
    [{ ...least, systems: [] }, 'systems must not be empty'],
    [{ ...least, systems: ['s4'] }, 'systems.0 must be one of s3,'],
    [{ ...least, systems: [{ system: 's3', setings: {} }] }, 'setings is not known; check its spelling'],
    [{ ...least, systems: [{ label: 'x' }] }, 'system is missing'],
    [{ ...least, systems: ['s3', 's3'], reference: 's3' }, 'systems name "s3" twice'],
    [{ ...least, datasets: ['a/x.jsonl', 'b/x.jsonl'] }, 'datasets name "x" twice'],
    [{ ...least, limits: { concurrency: 0 } }, 'limits.concurrency must be 1 or more'],
    [{ ...least, settings: { maxTurns: 'three' } }, 'settings.maxTurns must be a number'],
    [{ ...least, settings: { promptStyle: 'long' } }, 'settings.promptStyle must be one of full, compact'],
    [{ ...least, seeds: [1.5] }, 'seeds.0 must be a whole number'],
    [
      { ...least, reference: 'direct' },
      'reference is "direct", which is none of the systems (s3, naive-rag)',
    ],
    [{ ...least, accuracy: 'judge' }, 'models.judge is missing'],
    [{ ...least, sede: 3 }, 'sede is not known; check its spelling'],
    [{ ...least, version: 2 }, 'written by another version'],
    [null, 'must be an object'],
    ['s3', 'must be an object'],
  ])('%j is refused in plain words', (json, words) => {
    expect(messageOf(json)).toContain(words);
  });

  it('is read or refused with BAD_INPUT, whatever the JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (json) => void messageOf(json)));
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(
            'systems',
            'datasets',
            'seeds',
            'models',
            'limits',
            'sampling',
            'settings',
            'prices',
          ),
          fc.jsonValue(),
        ),
        (json) => void messageOf({ ...least, ...json }),
      ),
    );
  });
});
