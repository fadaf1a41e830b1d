import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { GenerateRequest, LanguageModel } from '../src/protocol/language-model';
import { modelsFolder } from './folders';
import { Models } from './models';

const console = { out: () => undefined, note: () => undefined, json: false };
const models = new Models({ ...console, signal: new AbortController().signal }, 'cpu');
const folder = await mkdtemp(join(tmpdir(), 's3-adapter-'));
afterAll(async () => {
  await models.dispose();
  await rm(folder, { recursive: true });
});

async function written(model: LanguageModel): Promise<string> {
  const request: GenerateRequest = {
    messages: [{ role: 'user', content: 'Question: Who was born first, Oltha Emdane or Talladis Ferden?' }],
    ...{ maxTokens: 8, temperature: 0 },
  };
  let text = '';
  for await (const event of model.generate(request)) if (event.type === 'delta') text += event.text;
  return text;
}

it('an adapter in a folder is opened on the base that it names, and writes what the one of the project writes', async () => {
  await cp(join(modelsFolder, 'demo-ppo'), folder, { recursive: true });
  const [own, known] = [await models.open(folder), await models.open('demo-ppo')];
  expect(own.model.id).toBe(folder);
  expect(own.search?.documentsPerQuery).toBe(known.search?.documentsPerQuery);
  const text = await written(own.model);
  expect(text).not.toBe('');
  expect(text).toBe(await written(known.model));
});

it('an adapter that names no base is refused, and so is one for an endpoint', async () => {
  const path = join(folder, 'adapter_config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const opened = async (base: unknown, name: string): Promise<unknown> => {
    const other = join(folder, name);
    await cp(join(modelsFolder, 'demo-ppo'), other, { recursive: true });
    await writeFile(
      join(other, 'adapter_config.json'),
      JSON.stringify({ ...config, base_model_name_or_path: base }),
    );
    return models.open(other);
  };
  await expect(opened(null, 'none')).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(opened('https://127.0.0.1:1/v1#model', 'endpoint')).rejects.toMatchObject({
    code: 'BAD_INPUT',
  });
});
