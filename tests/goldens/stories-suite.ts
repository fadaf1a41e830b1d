/** A real model: 260 K parameters trained on TinyStories, with the first 64 greedy tokens of the reference. */
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Backend } from '../../src/gpu/backend';
import { blobSource } from '../../src/lm/byte-source';
import { loadModel } from '../../src/lm/engine';

const folder = join(process.env['S3_DATA'] ?? '../shared/data', 'models/stories260k');
const readJson = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, name), 'utf8'));

export async function expectTheStory(backend: Backend): Promise<void> {
  const { prompt, greedy } = (await readJson('greedy_64.json')) as { prompt: number[]; greedy: number[] };
  const model = await loadModel({
    backend,
    config: await readJson('config.json'),
    source: blobSource('model.safetensors', await openAsBlob(join(folder, 'model.safetensors'))),
  });
  const { tokens } = await model.generateTokens({
    tokens: prompt,
    maxNewTokens: greedy.length,
    sampling: { temperature: 0 },
  });
  expect(tokens).toEqual(greedy);
  model.dispose();
  expect(backend.liveBytes).toBe(0);
  backend.dispose();
}
