import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import type { StoredModel } from '../protocol/model-library';
import { RegistrySchema } from '../protocol/registry';
import { contextChoices, defaultContext, narrowerWeights } from './model-context';
import { memoryNeed, publishedSizes, storedNeed } from './model-sizes';

const { published } = v.parse(RegistrySchema, JSON.parse(await readFile('models/registry.json', 'utf8')));
const find = (repository: string) => {
  const model = published.find((candidate) => candidate.repository === repository);
  if (!model) throw new Error(`${repository} is not in the registry.`);
  return model;
};

describe('sizes computed from an architecture', () => {
  it.each([
    // Parameter counts as the model cards give them, in millions.
    ['Qwen/Qwen2.5-0.5B-Instruct', 494],
    ['Qwen/Qwen2.5-1.5B-Instruct', 1544],
    ['Qwen/Qwen2.5-3B-Instruct', 3086],
    ['Qwen/Qwen2.5-7B-Instruct', 7616],
    ['Qwen/Qwen3-0.6B', 596],
    ['Qwen/Qwen3-4B', 4022],
    ['DeepRetrieval/DeepRetrieval-PubMed-3B-Llama', 3213],
  ])('%s has %d million parameters', (repository, millions) => {
    const model = find(repository);
    const sizes = publishedSizes(model, 'q4');
    expect(Math.round((sizes?.parameters ?? 0) / 1e6)).toBe(millions);
    expect(sizes?.downloadBytes).toBe((sizes?.parameters ?? 0) * (model.storedAs === 'f32' ? 4 : 2));
  });

  it('the s3 searcher takes 4 to 4.7 GB in four bits, as measured by hand in advance', () => {
    const need = memoryNeed(find('pat-jj/s3-8-3-3-20steps').config, 'q4', 8192, 1);
    expect(need?.weights).toBeGreaterThan(4.0e9);
    expect(need?.weights).toBeLessThan(5.0e9);
    expect(need?.cache).toBe(8192 * 28 * 2 * 4 * 128 * 4);
  });

  it('offer contexts up to what the model was made for', () => {
    const { config } = find('Qwen/Qwen2.5-0.5B-Instruct');
    expect(contextChoices(config).at(-1)).toBe(32_768);
    expect(defaultContext(config)).toBe(8192);
    expect(contextChoices({ ...config, max_position_embeddings: 128 })).toEqual([128]);
    expect(defaultContext({ ...config, max_position_embeddings: 128 })).toBe(128);
    expect(contextChoices({ architectures: ['Unknown'] })).toEqual([]);
    expect(memoryNeed({ architectures: ['Unknown'] }, 'q4', 1024, 1)).toBeNull();
  });

  it('of a stored model depend on the type that its weights are to have in memory', () => {
    const { config } = find('Qwen/Qwen2.5-0.5B-Instruct');
    const model: StoredModel = {
      ...{ id: 'a', name: 'A', origin: { kind: 'files', name: 'a' }, createdAt: '', state: 'ready' },
      ...{ weights: 'q8', bytes: 0, progress: null, report: null, config, settings: {}, adapters: [] },
    };
    const asStored = storedNeed(model)?.weights ?? 0;
    const narrow = storedNeed({ ...model, settings: { weights: 'q4' } })?.weights ?? 0;
    expect(narrow / asStored).toBeLessThan(0.7);
    expect(storedNeed(model, { weights: 'q4' })?.weights).toBe(narrow);
    expect(narrowerWeights(model)).toEqual(['q4']);
    expect(narrowerWeights({ ...model, weights: 'f32' })).toEqual(['f16', 'q8', 'q4']);
    expect(narrowerWeights({ ...model, weights: 'q4' })).toEqual([]);
  });
});
