import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { goldensFolder } from '../../tests/goldens/read-tensors';
import { readAdapter } from '../../src/generate/adapter-files';
import { parseModelConfig } from '../../src/lm/config';
import { FolderSource } from '../folder-source';
import { runCli } from '../testing/run-cli';

const golden = join(goldensFolder, 'qwen2-tiny');
const adapter = join(goldensFolder, 'lora');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-export-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const exported = (...more: string[]) => runCli(['model', 'export', golden, ...more]);

it('an adapter alone is written as PEFT has it, with the same values', async () => {
  const out = join(folder, 'peft');
  expect((await exported('--adapter', adapter, '--format', 'peft', '--out', out)).code).toBe(0);
  expect((await readdir(out)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const config = parseModelConfig(JSON.parse(await readFile(join(golden, 'config.json'), 'utf8')));
  const [before, after] = [adapter, out].map(async (at) => readAdapter(await FolderSource.open(at), config));
  expect(await after).toEqual(await before);
});

it('what does not go together is refused before anything is read', async () => {
  const out = join(folder, 'none');
  expect(await exported('--format', 'peft', '--out', out)).toMatchObject({ code: 2 });
  expect(
    await exported('--format', 'peft', '--adapter', adapter, '--dtype', 'bf16', '--out', out),
  ).toMatchObject({
    code: 2,
  });
  await expect(readdir(out)).rejects.toThrow();
});
