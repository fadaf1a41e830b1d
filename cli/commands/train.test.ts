import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAdapter } from '../../src/generate/adapter-files';
import { parseModelConfig } from '../../src/lm/config';
import { closeModel, openModel } from '../../src/lm/import/open-model';
import type { RunConfig } from '../../src/train/records';
import { defaultRunConfig } from '../../src/train/runs/default-config';
import { FolderSource } from '../folder-source';
import { parsed, runCli } from '../testing/run-cli';
import { sessionOpener } from './train-session';

/** The demo's searcher on two questions, one short search each: as little as makes a step. */
function tinyConfig(): RunConfig {
  const config = defaultRunConfig();
  const lengths = { start: 400, prompt: 400, response: 12, observation: 48 };
  Object.assign(config, { name: 'tiny', device: 'cpu', retrieval: 'bm25', criticRank: 0 });
  config.trained = { kind: 'adapter', rank: 2, alpha: 4, modules: ['q_proj', 'v_proj'] };
  config.reward = { kind: 'answer', accuracy: 'f1', format: 0.5 };
  config.questions = { source: 'demo-train', limit: 2, filter: false };
  Object.assign(config.ppo.batch, { prompts: 2, miniBatch: 2 });
  Object.assign(config.ppo, { lengths, search: { maxTurns: 1, topK: 2 } });
  config.ppo.run = { epochs: 9, steps: 1, saveEvery: 1, saveAt: [] };
  Object.assign(config.agent, {
    ...{ maxTurns: 1, documentsPerQuery: 2, initialDocuments: 1, generatorMaxTokens: 4 },
    ...{ startTokens: 400, promptTokens: 400, responseTokens: 12, observationTokens: 48 },
  });
  return config;
}

let folder: string;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-train-'));
  run = join(folder, 'run');
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(tinyConfig()));
  const { code, notes } = await runCli(['train', config, '--out', run]);
  expect(notes).toContain('Step 1/1');
  expect(code).toBe(0);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const exported = async (format: string, out: string, ...more: string[]): Promise<string[]> => {
  const result = await runCli(['train', 'export', run, '--format', format, '--out', out, '--json', ...more]);
  expect(result.notes).not.toContain('fix');
  expect(result.code).toBe(0);
  const { files } = parsed(result) as { files: { path: string; bytes: number }[] };
  for (const { path, bytes } of files) expect((await readFile(path)).length).toBe(bytes);
  return files.map(({ path }) => path);
};

const json = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

describe('s3 train', () => {
  test('does not begin a second run where one lies', async () => {
    const { code, notes } = await runCli(['train', 'small-gpu', '--out', run]);
    expect(code).not.toBe(0);
    expect(notes).toContain('s3 train resume');
  });

  test('resume goes on from the last checkpoint to a later end', async () => {
    const { code, out, notes } = await runCli(['train', 'resume', run, '--steps', '2']);
    expect(notes).toContain('1 steps done');
    expect(notes).toContain('Step 2/2');
    expect(out).toEqual([`${run}: 2 steps done`]);
    expect(code).toBe(0);
  }, 60_000);

  test('resume of a folder without a run says so', async () => {
    const { code, notes } = await runCli(['train', 'resume', join(folder, 'nothing')]);
    expect(notes).toContain('NOT_FOUND');
    expect(code).not.toBe(0);
  });
});

describe('s3 train export', () => {
  test('peft is an adapter that is read as one, with what was trained', async () => {
    const out = join(folder, 'peft');
    const files = await exported('peft', out);
    expect(files).toEqual(
      ['adapter_config.json', 'adapter_model.safetensors'].map((name) => join(out, name)),
    );
    expect(await json(join(out, 'adapter_config.json'))).toMatchObject({
      ...{ peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj', 'v_proj'] },
    });
    const model = parseModelConfig(await json('models/demo/config.json'));
    const { pairs } = await readAdapter(await FolderSource.open(out), model);
    expect(pairs).toHaveLength(2 * model.layers);
    // As PEFT itself writes it: read here from the bytes, without our reader.
    expect(await json(join(out, 'adapter_config.json'))).toMatchObject({
      ...{ task_type: 'CAUSAL_LM', bias: 'none', use_rslora: false, inference_mode: true },
      ...{ base_model_name_or_path: 'demo', fan_in_fan_out: false, modules_to_save: null },
    });
    const bytes = await readFile(join(out, 'adapter_model.safetensors'));
    const length = Number(bytes.readBigUInt64LE(0));
    const { __metadata__, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8')) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    expect(__metadata__).toEqual({ format: 'pt' });
    const value = model.keyValueHeads * model.headSize;
    const shapes = Array.from({ length: model.layers }, (_, layer) => {
      const at = `base_model.model.model.layers.${layer}.self_attn`;
      return [
        [`${at}.q_proj.lora_A.weight`, [2, model.hiddenSize]],
        [`${at}.q_proj.lora_B.weight`, [model.queryHeads * model.headSize, 2]],
        [`${at}.v_proj.lora_A.weight`, [2, model.hiddenSize]],
        [`${at}.v_proj.lora_B.weight`, [value, 2]],
      ] as [string, number[]][];
    }).flat();
    const found = Object.entries(tensors).map(([name, { shape }]) => [name, shape]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(shapes));
    for (const { dtype, shape, data_offsets: offsets } of Object.values(tensors)) {
      expect(dtype).toBe('F32');
      expect(offsets[1] - offsets[0]).toBe(4 * (shape[0] ?? 0) * (shape[1] ?? 0));
    }
    expect(Math.max(...Object.values(tensors).map((one) => one.data_offsets[1]))).toBe(
      bytes.length - 8 - length,
    );
  });

  test('safetensors is a whole model that opens', async () => {
    const out = join(folder, 'merged');
    await exported('safetensors', out, '--dtype', 'f16');
    const { signal } = new AbortController();
    const model = await openModel({ source: await FolderSource.open(out), signal });
    await closeModel(model);
    expect(parseModelConfig(model.config)).toEqual(parseModelConfig(await json('models/demo/config.json')));
  });

  test('run is one file', async () => {
    const out = join(folder, 'tiny.s3run');
    expect(await exported('run', out)).toEqual([out]);
  });

  test('verl is its data and its launch, once it is known what plain RAG finds', async () => {
    const out = join(folder, 'verl');
    const early = await runCli(['train', 'export', run, '--format', 'verl', '--out', out]);
    expect(early.notes).toContain('Precompute it first');
    expect(early.code).toBe(1);
    expect((await runCli(['precompute', join(folder, 'config.json'), '--out', run])).code).toBe(0);
    const files = await exported('verl', out);
    const names = ['data/train_e5_s3.parquet', 'launch.sh', 'rag_cache.json', 'config.json'];
    expect(files).toEqual(names.map((name) => join(out, name)));
    const parquet = await readFile(join(out, 'data/train_e5_s3.parquet'));
    expect(parquet.subarray(0, 4).toString()).toBe('PAR1');
    expect(await readFile(join(out, 'launch.sh'), 'utf8')).toContain('train_e5_s3.parquet');
  }, 60_000);
});

test('what a run takes is known before its model is loaded, to the byte', async () => {
  const { signal } = new AbortController();
  const quiet = { out: () => undefined, note: () => undefined, json: false, signal };
  const open = sessionOpener(quiet, run);
  const session = await open(tinyConfig(), { signal, onLoading: () => undefined });
  expect(session.plannedBytes).toBeGreaterThan(session.weightBytes);
  expect(session.liveBytes()).toBe(session.plannedBytes);
  await session.dispose();
}, 60_000);
