import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startMedicalServer, type MedicalServer } from '../../tests/servers/medical-servers';
import type { RunConfig } from '../../src/train/records';
import { defaultRunConfig } from '../../src/train/runs/default-config';
import { runCli } from '../testing/run-cli';

const KEY = 'a-key-that-nobody-may-see';
let folder: string;
let server: MedicalServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-medical-'));
  server = await startMedicalServer(['11', '12', '13']);
  vi.stubEnv('S3_PUBMED_URL', server.url);
  vi.stubEnv('S3_CLINICAL_TRIALS_URL', server.url);
  vi.stubEnv('NCBI_API_KEY', KEY);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** DeepRetrieval's recipe with the demo's model, one step of two questions. */
function tinyConfig(corpus: string, source: string): RunConfig {
  const config = defaultRunConfig('deepretrieval');
  const lengths = { start: 400, prompt: 400, response: 8, observation: 8 };
  Object.assign(config, { name: corpus, device: 'cpu', corpus, criticRank: 0 });
  config.trained = { kind: 'adapter', rank: 2, alpha: 4, modules: ['q_proj'] };
  config.questions = { source, limit: null, filter: false };
  Object.assign(config.ppo.batch, { prompts: 2, miniBatch: 2 });
  Object.assign(config.ppo, { lengths });
  Object.assign(config.agent, { startTokens: 400, promptTokens: 400, responseTokens: 8 });
  config.ppo.run = { epochs: 1, steps: 1, saveEvery: 1, saveAt: [] };
  return config;
}

const filesOf = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test.each([
  ['pubmed', 'esearch.fcgi', '11'],
  ['clinical-trials', 'studies', 'NCT11'],
])(
  'a run searches %s itself and is rewarded by what it finds there',
  async (corpus, path, id) => {
    const source = join(folder, `${corpus}.jsonl`);
    const asked = ['Does aspirin help?', 'Does rest help?'];
    const rows = asked.map((question, i) => ({
      question,
      answers: ['yes'],
      gold: i === 0 ? [id] : ['none'],
    }));
    await writeFile(source, rows.map((row) => JSON.stringify(row)).join('\n'));
    const file = join(folder, `${corpus}.json`);
    await writeFile(file, JSON.stringify(tinyConfig(corpus, source)));
    const out = join(folder, corpus);
    const before = server.requests.length;
    const { code, notes } = await runCli(['train', file, '--out', out]);
    expect(notes).toContain('Step 1/1');
    expect(code).toBe(0);

    const requests = server.requests.slice(before);
    const searches = requests.filter((url) => url.pathname.endsWith(path));
    expect(searches.length).toBeGreaterThan(0);
    // Only NCBI has keys, and gets its own.
    for (const url of requests)
      expect(url.searchParams.get('api_key')).toBe(corpus === 'pubmed' ? KEY : null);
    const [metrics = ''] = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n').slice(-1);
    const { tiers } = JSON.parse(metrics) as { tiers: Record<string, number> };
    expect(Object.values(tiers).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
    const rollouts = await readFile(join(out, 'rollouts', '000001.json'), 'utf8');
    expect(rollouts).toContain(`"passageId":"${id}"`);
    for (const written of await filesOf(out)) {
      expect(await readFile(written, 'latin1'), written).not.toContain(KEY);
    }
    expect(notes).not.toContain(KEY);
  },
  60_000,
);
