/** The command that starts s3's trainer with a run's recipe. */
import { AppError } from '../protocol/errors';
import type { RunConfig } from './records';

export interface VerlCommandOptions {
  config: RunConfig;
  /** Where the data lie, from the root of the s3 repository. */
  dataFolder: string;
  /** On one machine. */
  gpus: number;
}

export interface VerlCommand {
  /** For a POSIX shell, in the root of the s3 repository. */
  command: string;
  /** What of the recipe that trainer does otherwise, in sentences. */
  notes: string[];
}

const NAMES = { 'search-r1': 'Search-R1', deepretrieval: 'DeepRetrieval' } as const;

type Setting = readonly [name: string, value: string | number | boolean];

/**
 * Every number of the recipe that the trainer has a setting for; the names are those of its `ppo_trainer.yaml`.
 * @throws AppError UNSUPPORTED for a run of another agent than s3: that trainer rolls out s3's loop alone
 */
export function verlCommand({ config, dataFolder, gpus }: VerlCommandOptions): VerlCommand {
  const { ppo, searcher, agent, system = 's3' } = config;
  if (system !== 's3') {
    throw new AppError(
      'UNSUPPORTED',
      `This run trains ${NAMES[system]}; the verl export is for s3’s trainer.`,
      {
        fix: `Its rollouts would be those of s3. Export the run as peft, and train ${NAMES[system]} by its authors’ own code.`,
      },
    );
  }
  const { batch, actor, critic, sampling, lengths, kl, run } = ppo;
  const grouped = batch.rolloutsPerPrompt > 1;
  const estimator = ppo.advantage.kind === 'grpo' ? 'grpo' : 'gae';
  // Their trainer knows warm-up as a share of all steps.
  const share = (steps: number): number => Number((run.steps ? steps / run.steps : 0).toPrecision(6));
  const settings: Setting[] = [
    ['data.train_files', `${dataFolder}/train_e5_s3.parquet`],
    ['data.val_files', `${dataFolder}/test_e5_s3.parquet`],
    ['data.train_batch_size', batch.prompts],
    ['data.val_batch_size', batch.prompts],
    ['data.max_prompt_length', lengths.prompt],
    ['data.max_response_length', lengths.response],
    ['data.max_start_length', lengths.start],
    ['data.max_obs_length', lengths.observation],
    ['data.shuffle_train_dataloader', true],
    ['+data.random_seed', ppo.seed],
    ['algorithm.adv_estimator', estimator],
    ...(ppo.advantage.kind === 'gae'
      ? ([
          ['algorithm.gamma', ppo.advantage.gamma],
          ['algorithm.lam', ppo.advantage.lambda],
        ] as const)
      : []),
    ['algorithm.no_think_rl', false],
    ['actor_rollout_ref.model.path', searcher.model.replace(/^hf:/, '')],
    ['actor_rollout_ref.model.enable_gradient_checkpointing', true],
    ['actor_rollout_ref.model.use_remove_padding', true],
    ['actor_rollout_ref.actor.optim.lr', actor.learningRate],
    ['actor_rollout_ref.actor.optim.lr_warmup_steps_ratio', share(actor.warmUpSteps)],
    ['actor_rollout_ref.actor.ppo_mini_batch_size', batch.miniBatch],
    ['actor_rollout_ref.actor.ppo_micro_batch_size', batch.actorMicroBatch],
    ['actor_rollout_ref.actor.clip_ratio', ppo.clip.low],
    ['actor_rollout_ref.actor.entropy_coeff', ppo.entropyCoefficient],
    ['actor_rollout_ref.actor.grad_clip', ppo.gradientClip],
    ['actor_rollout_ref.actor.state_masking', true],
    ['actor_rollout_ref.actor.fsdp_config.param_offload', true],
    ['actor_rollout_ref.rollout.name', 'vllm'],
    ['actor_rollout_ref.rollout.temperature', sampling.temperature],
    ['actor_rollout_ref.rollout.top_p', sampling.topP],
    ['actor_rollout_ref.rollout.tensor_model_parallel_size', 1],
    ['actor_rollout_ref.rollout.gpu_memory_utilization', 0.4],
    ['actor_rollout_ref.rollout.log_prob_micro_batch_size', batch.logProbMicroBatch],
    ...(grouped ? ([['actor_rollout_ref.rollout.n_agent', batch.rolloutsPerPrompt]] as const) : []),
    ['actor_rollout_ref.ref.log_prob_micro_batch_size', batch.logProbMicroBatch],
    ['actor_rollout_ref.ref.fsdp_config.param_offload', true],
    ...klSettings(kl),
    ...(critic
      ? ([
          ['critic.model.path', searcher.model.replace(/^hf:/, '')],
          ['critic.model.enable_gradient_checkpointing', true],
          ['critic.model.use_remove_padding', true],
          ['critic.optim.lr', critic.learningRate],
          ['critic.optim.lr_warmup_steps_ratio', share(critic.warmUpSteps)],
          ['critic.cliprange_value', ppo.valueClip],
          ['critic.ppo_micro_batch_size', batch.criticMicroBatch],
          ['trainer.critic_warmup', ppo.criticWarmUpSteps],
        ] as const)
      : []),
    ['trainer.logger', "['console']"],
    ['+trainer.val_only', false],
    ['+trainer.val_before_train', false],
    ['trainer.default_hdfs_dir', 'null'],
    ['trainer.n_gpus_per_node', gpus],
    ['trainer.nnodes', 1],
    ['trainer.save_freq', run.saveEvery],
    ['trainer.test_freq', run.steps ?? -1],
    ['trainer.project_name', 's3-web'],
    ['trainer.experiment_name', config.name],
    ['trainer.total_epochs', run.epochs],
    ...(run.steps === null ? [] : ([['trainer.total_training_steps', run.steps]] as const)),
    ['trainer.default_local_dir', `verl_checkpoints/${config.name}`],
    ['max_turns', agent.maxTurns ?? ppo.search.maxTurns],
    ['retriever.url', 'http://127.0.0.1:3000/retrieve'],
    ['retriever.topk', agent.documentsPerQuery ?? ppo.search.topK],
  ];
  const lines = settings.map(([name, value]) => `    ${quoted(`${name}=${value}`)}`);
  const command = `PYTHONUNBUFFERED=1 python3 -m verl.trainer.main_ppo \\\n${lines.join(' \\\n')}\n`;
  return { command, notes: notesOf(config) };
}

function klSettings({ place, estimator, controller }: RunConfig['ppo']['kl']): Setting[] {
  const coefficient = controller.kind === 'fixed' ? controller.coefficient : controller.initial;
  if (place === 'none') return [['algorithm.kl_ctrl.kl_coef', 0]];
  if (place === 'reward') return [['algorithm.kl_ctrl.kl_coef', coefficient]];
  const names = { k1: 'kl', abs: 'abs', k2: 'mse', k3: 'low_var_kl' } as const;
  return [
    ['algorithm.kl_ctrl.kl_coef', 0],
    ['actor_rollout_ref.actor.use_kl_loss', true],
    ['actor_rollout_ref.actor.kl_loss_coef', coefficient],
    ['actor_rollout_ref.actor.kl_loss_type', names[estimator]],
  ];
}

function notesOf({ ppo, trained, reward, agent }: RunConfig): string[] {
  const { advantage, clip, kl, run, batch } = ppo;
  const notes: readonly (readonly [boolean, string])[] = [
    [
      trained.kind === 'adapter',
      'It trains all weights, where this run trains an adapter: a learning rate for adapters is too high for it.',
    ],
    [
      reward.kind !== 'gain-beyond-rag' || reward.form !== 'code' || reward.accuracy !== 'genacc',
      'Its reward is 2·acc_s3 − acc_rag by GenAcc, with data/rag_cache/rag_cache.json and its own generator on port 8000.',
    ],
    [agent.mode !== 'code', 'Its loop searches for one turn more than max_turns says.'],
    [
      advantage.kind === 'gae' && advantage.observations === 'skip',
      'Its advantages run through observation tokens, too.',
    ],
    [
      advantage.kind === 'rloo' || advantage.kind === 'reinforce++',
      `It has no advantages of the kind ${advantage.kind}; GAE stands there.`,
    ],
    [
      clip.high !== clip.low || clip.dual !== undefined || clip.logRatioLimit !== undefined,
      'It clips ratios on both sides alike, without a dual clip and without a limit.',
    ],
    [kl.controller.kind === 'adaptive', 'Its KL coefficient stays as it begins.'],
    [
      ppo.meanOver === 'mini-batch' || ppo.aggregation !== 'token-mean',
      'It takes means of tokens over each micro-batch.',
    ],
    [batch.epochs > 1, 'Its actor passes over a batch once.'],
    [
      run.saveAt.length > 0,
      `It saves every ${run.saveEvery} steps and at step 20, wherever this run keeps checkpoints.`,
    ],
  ];
  return notes.flatMap(([holds, note]) => (holds ? [note] : []));
}

const quoted = (word: string): string =>
  /^[\w./:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
