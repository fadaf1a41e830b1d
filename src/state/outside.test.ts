import { expect, test } from 'vitest';
import { readEvaluationConfig } from '../evaluation/config';
import { defaultRunConfig } from '../train/runs/default-config';
import { configOf, EMPTY_DRAFT } from './evaluation-draft';
import {
  outsideOf,
  usedByDraft,
  usedByEvaluation,
  usedByLanes,
  usedByTraining,
  type Addresses,
} from './outside';

const addresses: Addresses = {
  endpoints: {
    searcher: { baseUrl: 'https://search.example/v1' },
    generator: { baseUrl: 'http://127.0.0.1:9/v1' },
  },
  corpora: [
    { id: 'far', link: { kind: 'qdrant', url: 'https://vectors.example', collection: 'wiki' } },
    { id: 'pack', link: { kind: 'pack', url: 'https://files.example/wiki/', manifest: '' } },
    { id: 'mine' },
  ],
};
const settings = { searcher: 'demo', generator: 'demo', corpus: 'demo' };

test('nothing leaves where models and corpus are here', () => {
  const used = [
    usedByLanes([{ system: 's3' }], { ...settings, corpus: 'demo+mine' }),
    usedByDraft(EMPTY_DRAFT),
    usedByTraining(defaultRunConfig()),
  ];
  expect(outsideOf(used, addresses)).toEqual([]);
});

test('names what each lane uses, and a corpus only where something is searched', () => {
  const far = { searcher: 'endpoint', generator: 'demo', corpus: 'far+pack' };
  expect(outsideOf([usedByLanes([{ system: 'direct' }], far)], addresses)).toEqual([]);
  expect(outsideOf([usedByLanes([{ system: 's3' }, { system: 'ircot' }], far)], addresses)).toEqual([
    { role: 'searcher', host: 'search.example' },
    { role: 'corpus', host: 'vectors.example' },
    { role: 'pack', host: 'files.example' },
  ]);
});

test('an evaluation names the same hosts while it is written down and when it is stored', () => {
  const draft = {
    ...EMPTY_DRAFT,
    systems: [{ system: 'naive-rag' as const }, { system: 's3' as const, searcher: 'endpoint' }],
    judge: 'endpoint',
    corpus: 'far',
  };
  const expected = [
    { role: 'searcher', host: 'search.example' },
    { role: 'generator', host: '127.0.0.1:9' },
    { role: 'corpus', host: 'vectors.example' },
  ];
  expect(outsideOf([usedByDraft(draft)], addresses)).toEqual(expected);
  const stored = usedByEvaluation(readEvaluationConfig(configOf(draft)));
  expect(outsideOf([stored], addresses)).toEqual(expected);
});

test('training names the address of its generator, and the public service that it searches', () => {
  const config = {
    ...defaultRunConfig(),
    generator: 'http://models.example/v1#reader',
    corpus: 'pubmed',
  };
  expect(outsideOf([usedByTraining(config), usedByTraining(config)], addresses)).toEqual([
    { role: 'generator', host: 'models.example' },
    { role: 'corpus', host: 'eutils.ncbi.nlm.nih.gov' },
  ]);
});
