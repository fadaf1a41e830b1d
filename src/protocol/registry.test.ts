import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../lm/config';
import { RegistrySchema } from './registry';

const folder = 'models';
const registry = v.parse(RegistrySchema, JSON.parse(await readFile(join(folder, 'registry.json'), 'utf8')));

describe.each(registry.models)('the embedded model $id', ({ id, bytes, files }) => {
  it.each(files)('has $path as the registry describes it', async ({ path, sha256, bytes: size }) => {
    const content = await readFile(join(folder, id, path));
    expect(content.length).toBe(size);
    expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
  });

  it('has no other file, and their sizes add up', async () => {
    const entries = await readdir(join(folder, id), { recursive: true, withFileTypes: true });
    const found = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    expect(found.sort()).toEqual(files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).sort());
    expect(files.reduce((sum, file) => sum + file.bytes, 0)).toBe(bytes);
  });
});

describe('the embedded models', () => {
  it('have different ids and are 15 MB together at most', () => {
    const ids = registry.models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(registry.models.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(15e6);
  });
});

describe.each(registry.published)('the published checkpoint $repository', ({ config, licence, storedAs }) => {
  it('has an architecture that the engine knows, and says under which licence it is', () => {
    expect(parseModelConfig(config).layers).toBeGreaterThan(0);
    expect(licence).not.toBe('');
    expect(['bf16', 'f32']).toContain(storedAs);
  });
});

describe('the published checkpoints', () => {
  it('stand there once each', () => {
    const names = registry.published.map(({ repository }) => repository);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('pat-jj/s3-8-3-3-20steps');
  });
});
