import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { goldensFolder } from '../../tests/goldens/read-tensors';
import { startHubServer, type HubServer } from '../../tests/servers/hub-server';
import { parsed, runCli } from '../testing/run-cli';

const golden = join(goldensFolder, 'qwen2-tiny');
let folder: string;
let tokens: string;
let hub: HubServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-files-'));
  tokens = join(folder, 'tokens.json');
  await writeFile(tokens, JSON.stringify({ input_ids: [[1, 2, 3, 4, 5, 6]] }));
  await mkdir(join(folder, 'hub', 'owner'), { recursive: true });
  await cp(golden, join(folder, 'hub', 'owner', 'tiny'), { recursive: true });
  hub = await startHubServer(join(folder, 'hub'), { licence: 'mit' });
});
afterAll(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});
afterEach(() => {
  delete process.env['HF_ENDPOINT'];
  delete process.env['S3_CACHE'];
});

async function score(model: string, ...more: string[]): Promise<number[]> {
  const { code, out, notes } = await runCli([
    'model',
    'score',
    model,
    '--tokens',
    tokens,
    '--device',
    'cpu',
    ...more,
  ]);
  if (code !== 0) throw new Error(notes);
  return (JSON.parse(out.join('')) as { logprobs: number[][] }).logprobs[0]!;
}

const distance = (a: number[], b: number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('model import', () => {
  it('makes a pack of a folder, which scores as the folder does in that type', async () => {
    const out = join(folder, 'from-folder');
    const report = parsed(await runCli(['model', 'import', golden, '--out', out, '--dtype', 'q4', '--json']));
    // The width of its MLP is no multiple of 32, so that down_proj stays f16.
    const notices = [{ kind: 'narrowed', tensors: 2 }, { kind: 'no tokenizer' }];
    expect(report).toMatchObject({ name: 'qwen2-tiny', weights: 'q4', notices });
    expect((await readdir(out)).sort().slice(0, 2)).toEqual(['pack.json', 'weights-00001.bin']);
    expect(distance(await score(out), await score(golden, '--dtype', 'q4'))).toBe(0);
    expect(distance(await score(out), await score(golden))).toBeGreaterThan(1e-3);
  });

  it('makes a pack of a repository, at the hub that it is told', async () => {
    const out = join(folder, 'from-hub');
    const args = ['model', 'import', 'hf:owner/tiny', '--out', out, '--dtype', 'f32', '--hub', hub.url];
    const { code, out: lines } = await runCli(args);
    expect(code).toBe(0);
    expect(lines.join('\n')).toMatch(/hf:owner\/tiny at [0-9a-f]{40}\n.*licence: mit/);
    expect(distance(await score(out), await score(golden))).toBe(0);
  });

  it('tells its plan without writing anything', async () => {
    const out = join(folder, 'planned');
    const plan = parsed(await runCli(['model', 'import', golden, '--out', out, '--plan', '--json']));
    expect(plan).toMatchObject({ architecture: 'Qwen2ForCausalLM', weights: 'q4' });
    await expect(readdir(out)).rejects.toThrow();
  });

  it('does not write into a folder with other things in it', async () => {
    const out = join(folder, 'mine');
    await mkdir(out);
    await writeFile(join(out, 'notes.txt'), 'mine');
    const { code, notes } = await runCli(['model', 'import', golden, '--out', out]);
    expect([code, await readFile(join(out, 'notes.txt'), 'utf8')]).toEqual([1, 'mine']);
    expect(notes).toContain('is not empty');
  });

  it('names what is missing', async () => {
    expect((await runCli(['model', 'import', golden])).notes).toContain('needs --out');
    const { code, notes } = await runCli([
      'model',
      'import',
      'hf:owner/other',
      '--out',
      join(folder, 'x'),
      '--hub',
      hub.url,
    ]);
    expect(code).toBe(1);
    expect(notes).toContain('there is no such repository, or it is private');
  });
});

describe('model list', () => {
  it('describes a model, and checks every file of a pack', async () => {
    const out = join(folder, 'listed');
    await runCli(['model', 'import', golden, '--out', out, '--dtype', 'q8']);
    const description = parsed(await runCli(['model', 'list', out, '--json']));
    expect(description).toMatchObject({ container: 'pack', architecture: 'Qwen2ForCausalLM', tensors: /q8/ });
    const shard = join(out, 'weights-00001.bin');
    const bytes = await readFile(shard);
    bytes[3]! ^= 1;
    await writeFile(shard, bytes);
    const { code, notes } = await runCli(['model', 'list', out]);
    expect([code, notes]).toEqual([1, expect.stringContaining('is not the file that pack.json describes')]);
  });

  it('lists what was imported from the hub', async () => {
    process.env['HF_ENDPOINT'] = hub.url;
    process.env['S3_CACHE'] = join(folder, 'listed-cache');
    await score('hf:owner/tiny', '--dtype', 'q8');
    const { models } = parsed(await runCli(['model', 'list', '--json'])) as { models: { id: string }[] };
    expect(models.map(({ id }) => id)).toEqual(expect.arrayContaining(['demo', 'hf:owner/tiny']));
  });
});

it('a repository can be named wherever a model can: it is imported once, then found in the cache', async () => {
  process.env['HF_ENDPOINT'] = hub.url;
  process.env['S3_CACHE'] = join(folder, 'cache');
  const first = await score('hf:owner/tiny@main', '--dtype', 'f32');
  expect(distance(first, await score(golden))).toBe(0);
  const asked = hub.requests.length;
  expect(await score('hf:owner/tiny@main', '--dtype', 'f32')).toEqual(first);
  expect(hub.requests.length).toBe(asked);
});

describe('model export', () => {
  it('writes safetensors that score as the model does', async () => {
    const out = join(folder, 'exported');
    const pack = join(folder, 'whole');
    await runCli(['model', 'import', golden, '--out', pack, '--dtype', 'f32']);
    const { code } = await runCli(['model', 'export', pack, '--out', out, '--dtype', 'f32']);
    expect(code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(distance(await score(out), await score(golden))).toBe(0);
  });

  it('merges an adapter, into safetensors or a pack', async () => {
    const adapter = join(goldensFolder, 'lora');
    const beside = await score(golden, '--adapter', adapter);
    expect(distance(beside, await score(golden))).toBeGreaterThan(0.01);
    for (const format of ['safetensors', 'pack']) {
      const out = join(folder, `merged-${format}`);
      const args = ['model', 'export', golden, '--adapter', adapter, '--format', format, '--dtype', 'f32'];
      expect((await runCli([...args, '--out', out])).code).toBe(0);
      expect(distance(await score(out), beside)).toBeLessThan(1e-4);
    }
  });
});
