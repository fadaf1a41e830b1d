/** A real model: 260 K parameters trained on TinyStories, with the first 64 greedy tokens of the reference. */
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CpuBackend } from '../gpu/cpu/backend';
import { blobSource } from './byte-source';
import { loadModel } from './engine';

const folder = join(process.env['S3_DATA'] ?? '../shared/data', 'models/stories260k');
const readJson = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, name), 'utf8'));

it('continues a story as the reference does, 64 greedy tokens', async () => {
  const { prompt, greedy } = (await readJson('greedy_64.json')) as { prompt: number[]; greedy: number[] };
  const backend = new CpuBackend();
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
});
