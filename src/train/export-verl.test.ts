import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ANCHOR } from '../agent/prompts';
import { initialResults } from '../agent/observation';
import { readParquet } from '../evaluation/datasets/parquet';
import { verlExport, verlParquet, verlRows, type VerlRowOptions } from './export-verl';
import { verlCommand } from './export-verl-command';
import { RagCache } from './precompute/rag-cache';
import type { RunConfig, TrainingQuestion } from './records';
import { defaultRunConfig } from './runs/default-config';

const documents = Array.from({ length: 12 }, (_, i) => ({
  ...{ number: i + 1, passageId: `p${i}`, title: `Title ${i + 1}`, text: `Text ${i + 1}.`, score: 1 },
}));
const found = { golden_answers: ['Ada'], context_with_info: initialResults(documents) };
const questions: TrainingQuestion[] = [
  { id: 'a', source: 'nq', question: 'Who built it', goldAnswers: ['Ada', 'Adæ'], goldIds: ['p1'] },
  { id: 'b', source: 'hotpotqa', question: 'Who sold it?', goldAnswers: ['Bob'] },
];
const sequences = { nq: { 'Who built it?': found }, hotpotqa: { 'Who sold it?': found } };
const options: VerlRowOptions = {
  ...{ questions, sequences, initialDocuments: 3, split: 'train' },
  prompt: { promptStyle: 'full', documentsSelected: 3, booleanQueries: false },
};

describe('the rows for verl', () => {
  it('are those of s3’s own data, the first three documents in the prompt', () => {
    const [row] = verlRows(options);
    expect(row).toMatchObject({
      ...{ data_source: 'nq', ability: 'fact-reasoning', extra_info: { split: 'train', index: 0 } },
      reward_model: {
        style: 'rule',
        ground_truth: { question: 'Who built it?', target: ['Ada', 'Adæ'], gt_docs: ['p1'] },
      },
    });
    const content = row?.prompt[0]?.content ?? '';
    expect(row?.prompt.map(({ role }) => role)).toEqual(['user']);
    expect(content.split(ANCHOR)[1]).toBe(
      '\n<question>\nWho built it?\n</question>\n<information>\nDoc 1 (Title: Title 1) Text 1.\n' +
        'Doc 2 (Title: Title 2) Text 2.\nDoc 3 (Title: Title 3) Text 3.\n</information>\n',
    );
  });

  it('need what plain RAG finds', () => {
    expect(() => verlRows({ ...options, sequences: {} })).toThrow(/“Who built it\?” of nq is not known/);
  });

  it('come back from Parquet as they were, lists and all', async () => {
    const rows = verlRows(options);
    expect(await readParquet('train.parquet', verlParquet(rows))).toEqual(rows);
    expect(rows[1]?.reward_model.ground_truth.gt_docs).toEqual([]);
  });

  it('come back in their thousands', async () => {
    const [row] = verlRows(options);
    if (!row) throw new Error('no row');
    const many = Array.from({ length: 2500 }, (_, index) => ({
      ...row,
      extra_info: { split: 'train', index },
    }));
    const read = (await readParquet('train.parquet', verlParquet(many))) as typeof many;
    expect(read.map(({ extra_info }) => extra_info.index)).toEqual(many.map((_, i) => i));
    expect(read.at(-1)).toEqual(many.at(-1));
  });
});

describe('the command', () => {
  const command = (config: RunConfig) => verlCommand({ config, dataFolder: 'data/x', gpus: 5 });
  const argumentsOf = (text: string): string[] => {
    const script = text.replace('PYTHONUNBUFFERED=1 python3 -m verl.trainer.main_ppo', 'printf "%s\\n"');
    return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  };

  it('has every number of s3’s recipe, as a shell reads it', () => {
    const config = { ...defaultRunConfig('s3'), name: "Ada's run" };
    const given = argumentsOf(command(config).command);
    for (const wanted of [
      'data.train_files=data/x/train_e5_s3.parquet',
      'data.train_batch_size=120',
      'data.max_prompt_length=8000',
      'data.max_start_length=2000',
      'data.max_obs_length=1400',
      'actor_rollout_ref.actor.optim.lr=0.000001',
      'actor_rollout_ref.actor.ppo_mini_batch_size=30',
      'actor_rollout_ref.rollout.temperature=0.6',
      'critic.optim.lr_warmup_steps_ratio=0.01',
      'algorithm.kl_ctrl.kl_coef=0.001',
      "trainer.logger=['console']",
      "trainer.experiment_name=Ada's run",
      'trainer.total_training_steps=1500',
      'trainer.n_gpus_per_node=5',
      'max_turns=3',
    ])
      expect(given).toContain(wanted);
    expect(new Set(given.map((word) => word.split('=')[0])).size).toBe(given.length);
  });

  it('puts GRPO’s KL into the loss and its rollouts beside one another', () => {
    const { system: _, ...config } = defaultRunConfig('search-r1-grpo');
    const given = argumentsOf(command(config).command);
    expect(given).toContain('algorithm.adv_estimator=grpo');
    expect(given).toContain('actor_rollout_ref.actor.kl_loss_type=low_var_kl');
    expect(given).toContain('actor_rollout_ref.rollout.n_agent=5');
    expect(given.some((word) => word.startsWith('critic.'))).toBe(false);
  });

  it('is refused where another agent than s3 was trained, whose rollouts that trainer does not make', () => {
    for (const preset of ['search-r1', 'deepretrieval'] as const) {
      expect(() => command(defaultRunConfig(preset))).toThrow(/verl export is for s3’s trainer/);
    }
  });

  it('tells what that trainer does otherwise, and nothing where it does the same', () => {
    const s3 = defaultRunConfig('s3');
    const same: RunConfig = {
      ...s3,
      trained: { kind: 'model' },
      agent: { ...s3.agent, mode: 'code' },
      ppo: { ...s3.ppo, run: { ...s3.ppo.run, saveAt: [] } },
    };
    expect(command(same).notes).toEqual([]);
    expect(command(defaultRunConfig('small-gpu')).notes.length).toBeGreaterThan(4);
  });
});

describe('the export', () => {
  it('is laid over the repository: data, cache and the script', async () => {
    const cache = RagCache.parse({ nq: { 'Who built it?': { answer: 'Eve', score: 0, em_score: 0 } } });
    const journal = { sequences: () => sequences, cache: () => cache };
    const { files, command } = verlExport({ config: defaultRunConfig('s3'), questions, journal });
    expect(files.map(({ path }) => path)).toEqual([
      'data/s3_web/train_e5_s3.parquet',
      'data/s3_web/test_e5_s3.parquet',
      'data/rag_cache/rag_cache.json',
      'train_s3_web.sh',
    ]);
    const script = new TextDecoder().decode(files[3]?.bytes);
    expect(script.endsWith(command)).toBe(true);
    expect(() => execFileSync('sh', ['-n'], { input: script })).not.toThrow();
    expect(JSON.parse(new TextDecoder().decode(files[2]?.bytes))).toEqual(cache.toFile());
    const rows = await readParquet('t', files[1]?.bytes ?? new Uint8Array());
    expect(rows).toMatchObject([{ extra_info: { split: 'test' } }, {}]);
  });
});
