/** The fields of a run's configuration as a form sees them: where each one lies, what it may hold, when it says anything. Pure. */
import { LORA_MODULES } from '../lm/lora/modules';
import type { RewardConfig, RunConfig, TrainedSystem } from '../train/records';
import type { AdvantageConfig } from '../train/ppo/config';
import type { KlController } from '../train/ppo/kl-controller';
import { readPath, sameLeaf, withPath, type Leaf } from './train-paths';

export const FIELD_GROUPS = [
  'what',
  'reward',
  'model',
  'search',
  'batch',
  'optimiser',
  'policy',
  'value',
  'run',
] as const;
export type FieldGroup = (typeof FIELD_GROUPS)[number];

export type FieldUnit = 'tokens' | 'steps' | 'questions' | 'documents' | 'turns' | 'sequences' | 'rollouts';

/** What a choice is chosen from, where the page must ask: models, corpora, sets of questions. */
export type ListName = 'models' | 'generators' | 'corpora' | 'sets';

export type FieldKind =
  | { kind: 'number'; min?: number; max?: number; integer?: true; above?: number; none?: null | 'undefined' }
  | { kind: 'choice'; options: readonly string[] }
  | { kind: 'list'; list: ListName }
  | { kind: 'toggle' }
  | { kind: 'text' }
  | { kind: 'modules' }
  | { kind: 'steps' };

export type Field = FieldKind & {
  path: string;
  group: FieldGroup;
  unit?: FieldUnit;
  /** Absent: always. */
  matters?: (config: RunConfig) => boolean;
};

const gae = ({ ppo }: RunConfig): boolean => ppo.advantage.kind === 'gae';
const critic = ({ ppo }: RunConfig): boolean => ppo.critic !== undefined;
const adapter = ({ trained }: RunConfig): boolean => trained.kind === 'adapter';
const rewarded =
  (...kinds: RewardConfig['kind'][]) =>
  ({ reward }: RunConfig): boolean =>
    kinds.includes(reward.kind);
const trains =
  (...systems: TrainedSystem[]) =>
  ({ system = 's3' }: RunConfig): boolean =>
    systems.includes(system);
/** DeepRetrieval writes one query, and sees nothing of what it finds. */
const searchesOn = trains('s3', 'search-r1');
const controlled =
  (kind: KlController['kind']) =>
  ({ ppo }: RunConfig): boolean =>
    ppo.kl.place !== 'none' && ppo.kl.controller.kind === kind;

const count = (min = 1, max = 1_000_000) => ({ kind: 'number', integer: true, min, max }) as const;
const positive = { kind: 'number', above: 0 } as const;
const share = { kind: 'number', min: 0, max: 1 } as const;

export const FIELDS: readonly Field[] = [
  { path: 'searcher.model', group: 'what', kind: 'list', list: 'models' },
  { path: 'system', group: 'what', kind: 'choice', options: ['', 'search-r1', 'deepretrieval'] },
  { path: 'questions.source', group: 'what', kind: 'list', list: 'sets' },
  { path: 'questions.filter', group: 'what', kind: 'toggle' },
  { path: 'questions.limit', group: 'what', ...count(), unit: 'questions', none: null },
  { path: 'corpus', group: 'what', kind: 'list', list: 'corpora' },
  { path: 'ppo.run.steps', group: 'what', ...count(), unit: 'steps', none: null },

  {
    path: 'reward.kind',
    group: 'reward',
    kind: 'choice',
    options: ['gain-beyond-rag', 'answer', 'recall-tiers', 'formula'],
  },
  {
    path: 'reward.form',
    group: 'reward',
    kind: 'choice',
    options: ['paper', 'code'],
    matters: rewarded('gain-beyond-rag'),
  },
  {
    path: 'reward.accuracy',
    group: 'reward',
    kind: 'choice',
    options: ['genacc', 'span', 'judge', 'em', 'f1'],
    matters: rewarded('gain-beyond-rag', 'answer', 'formula'),
  },
  // One name for three things: points of its own, a table of points, or yes and no.
  {
    path: 'reward.format',
    group: 'reward',
    kind: 'choice',
    options: ['', 'search-r1'],
    matters: rewarded('answer'),
  },
  {
    path: 'reward.format',
    group: 'reward',
    kind: 'number',
    none: 'undefined',
    matters: rewarded('gain-beyond-rag'),
  },
  { path: 'reward.format', group: 'reward', kind: 'toggle', matters: rewarded('recall-tiers') },
  {
    path: 'reward.tiers',
    group: 'reward',
    kind: 'choice',
    options: ['', 'literature', 'nq', 'squad'],
    matters: rewarded('recall-tiers'),
  },
  { path: 'reward.formula', group: 'reward', kind: 'text', matters: rewarded('formula') },
  { path: 'generator', group: 'reward', kind: 'list', list: 'generators' },

  { path: 'searcher.weights', group: 'model', kind: 'choice', options: ['', 'f32', 'f16', 'q8', 'q4'] },
  { path: 'trained.kind', group: 'model', kind: 'choice', options: ['adapter', 'model'] },
  { path: 'trained.rank', group: 'model', ...count(1, 256), matters: adapter },
  { path: 'trained.alpha', group: 'model', ...positive, matters: adapter },
  { path: 'trained.modules', group: 'model', kind: 'modules', matters: adapter },
  { path: 'criticRank', group: 'model', ...count(0, 256), matters: critic },
  { path: 'device', group: 'model', kind: 'choice', options: ['auto', 'webgpu', 'cpu'] },

  { path: 'retrieval', group: 'search', kind: 'choice', options: ['dense', 'bm25', 'hybrid'] },
  { path: 'ppo.search.topK', group: 'search', ...count(1, 3000), unit: 'documents' },
  { path: 'ppo.search.maxTurns', group: 'search', ...count(1, 16), unit: 'turns', matters: searchesOn },
  {
    path: 'agent.documentsSelected',
    group: 'search',
    ...count(1, 20),
    unit: 'documents',
    none: 'undefined',
    matters: trains('s3'),
  },
  {
    path: 'agent.promptStyle',
    group: 'search',
    kind: 'choice',
    options: ['compact', 'full'],
    matters: trains('s3'),
  },
  { path: 'ppo.sampling.temperature', group: 'search', kind: 'number', above: 0, max: 2 },
  { path: 'ppo.sampling.topP', group: 'search', kind: 'number', above: 0, max: 1 },
  { path: 'ppo.lengths.start', group: 'search', ...count(16), unit: 'tokens' },
  { path: 'ppo.lengths.prompt', group: 'search', ...count(16), unit: 'tokens' },
  { path: 'ppo.lengths.response', group: 'search', ...count(4), unit: 'tokens' },
  {
    path: 'ppo.lengths.observation',
    group: 'search',
    ...count(0),
    unit: 'tokens',
    matters: searchesOn,
  },

  { path: 'ppo.batch.prompts', group: 'batch', ...count(1, 4096), unit: 'questions' },
  { path: 'ppo.batch.rolloutsPerPrompt', group: 'batch', ...count(1, 64), unit: 'rollouts' },
  { path: 'ppo.batch.miniBatch', group: 'batch', ...count(1, 4096), unit: 'questions' },
  { path: 'ppo.batch.epochs', group: 'batch', ...count(1, 32) },
  { path: 'ppo.batch.actorMicroBatch', group: 'batch', ...count(1, 4096), unit: 'sequences' },
  {
    path: 'ppo.batch.criticMicroBatch',
    group: 'batch',
    ...count(1, 4096),
    unit: 'sequences',
    matters: critic,
  },
  { path: 'ppo.batch.logProbMicroBatch', group: 'batch', ...count(1, 4096), unit: 'sequences' },
  { path: 'ppo.batch.shuffleMiniBatches', group: 'batch', kind: 'toggle' },

  { path: 'ppo.actor.learningRate', group: 'optimiser', kind: 'number', above: 0, max: 1 },
  { path: 'ppo.actor.warmUpSteps', group: 'optimiser', ...count(0), unit: 'steps' },
  { path: 'ppo.actor.annealSteps', group: 'optimiser', ...count(1), unit: 'steps', none: 'undefined' },
  {
    path: 'ppo.critic.learningRate',
    group: 'optimiser',
    kind: 'number',
    above: 0,
    max: 1,
    matters: critic,
  },
  { path: 'ppo.critic.warmUpSteps', group: 'optimiser', ...count(0), unit: 'steps', matters: critic },
  {
    path: 'ppo.critic.annealSteps',
    group: 'optimiser',
    ...count(1),
    unit: 'steps',
    none: 'undefined',
    matters: critic,
  },
  { path: 'ppo.criticWarmUpSteps', group: 'optimiser', ...count(0), unit: 'steps', matters: critic },
  { path: 'ppo.gradientClip', group: 'optimiser', ...positive },
  { path: 'ppo.adamW.beta1', group: 'optimiser', ...share },
  { path: 'ppo.adamW.beta2', group: 'optimiser', ...share },
  { path: 'ppo.adamW.epsilon', group: 'optimiser', ...positive },
  { path: 'ppo.adamW.weightDecay', group: 'optimiser', ...share },

  {
    path: 'ppo.advantage.kind',
    group: 'policy',
    kind: 'choice',
    options: ['gae', 'grpo', 'rloo', 'reinforce++'],
  },
  {
    path: 'ppo.advantage.gamma',
    group: 'policy',
    ...share,
    matters: ({ ppo }) => ['gae', 'reinforce++'].includes(ppo.advantage.kind),
  },
  { path: 'ppo.advantage.lambda', group: 'policy', ...share, matters: gae },
  {
    path: 'ppo.advantage.observations',
    group: 'policy',
    kind: 'choice',
    options: ['all', 'skip'],
    matters: gae,
  },
  {
    path: 'ppo.advantage.normalise',
    group: 'policy',
    kind: 'toggle',
    matters: ({ ppo }) => ppo.advantage.kind === 'grpo',
  },
  {
    path: 'ppo.advantage.baseline',
    group: 'policy',
    kind: 'choice',
    options: ['none', 'group'],
    matters: ({ ppo }) => ppo.advantage.kind === 'reinforce++',
  },
  {
    path: 'ppo.whitening',
    group: 'policy',
    kind: 'choice',
    options: ['actions', 'response', 'shifted', 'none'],
  },
  { path: 'ppo.whitenEach', group: 'policy', kind: 'choice', options: ['', 'mini-batch'] },
  { path: 'ppo.scorePlace', group: 'policy', kind: 'choice', options: ['', 'after'] },
  { path: 'ppo.clip.low', group: 'policy', ...share },
  { path: 'ppo.clip.high', group: 'policy', ...share },
  { path: 'ppo.clip.dual', group: 'policy', kind: 'number', above: 1, none: 'undefined' },
  { path: 'ppo.clip.logRatioLimit', group: 'policy', kind: 'number', above: 0, none: 'undefined' },
  { path: 'ppo.entropyCoefficient', group: 'policy', kind: 'number', min: 0, max: 1 },
  { path: 'ppo.kl.place', group: 'policy', kind: 'choice', options: ['reward', 'loss', 'none'] },
  {
    path: 'ppo.kl.estimator',
    group: 'policy',
    kind: 'choice',
    options: ['k1', 'abs', 'k2', 'k3'],
    matters: ({ ppo }) => ppo.kl.place !== 'none',
  },
  {
    path: 'ppo.kl.controller.kind',
    group: 'policy',
    kind: 'choice',
    options: ['fixed', 'adaptive'],
    matters: ({ ppo }) => ppo.kl.place !== 'none',
  },
  {
    path: 'ppo.kl.controller.coefficient',
    group: 'policy',
    kind: 'number',
    min: 0,
    matters: controlled('fixed'),
  },
  {
    path: 'ppo.kl.controller.initial',
    group: 'policy',
    kind: 'number',
    min: 0,
    matters: controlled('adaptive'),
  },
  { path: 'ppo.kl.controller.target', group: 'policy', ...positive, matters: controlled('adaptive') },
  { path: 'ppo.kl.controller.horizon', group: 'policy', ...positive, matters: controlled('adaptive') },
  {
    path: 'ppo.aggregation',
    group: 'policy',
    kind: 'choice',
    options: ['token-mean', 'sequence-mean-token-sum', 'sequence-mean-token-mean', 'token-sum-norm'],
  },
  { path: 'ppo.meanOver', group: 'policy', kind: 'choice', options: ['micro-batch', 'mini-batch'] },

  {
    path: 'ppo.valueMask',
    group: 'value',
    kind: 'choice',
    options: ['actions', 'response', 'shifted'],
    matters: critic,
  },
  { path: 'ppo.valueClip', group: 'value', ...positive, matters: critic },
  { path: 'ppo.valueCoefficient', group: 'value', ...positive, none: 'undefined', matters: critic },

  { path: 'ppo.run.epochs', group: 'run', ...count(1, 10_000) },
  { path: 'ppo.run.saveEvery', group: 'run', ...count(1), unit: 'steps' },
  { path: 'ppo.run.saveAt', group: 'run', kind: 'steps', unit: 'steps' },
  { path: 'ppo.seed', group: 'run', ...count(0, 2 ** 31 - 1) },
];

export const fieldOf = (path: string): Field | undefined => FIELDS.find((field) => field.path === path);

export const fieldsOf = (group: FieldGroup, config: RunConfig): Field[] =>
  FIELDS.filter((field) => field.group === group && (field.matters?.(config) ?? true));

/** Fields that may be left out; the form's empty option stands for that. */
const AUTOMATIC: ReadonlySet<string> = new Set([
  'system',
  'reward.format',
  'searcher.weights',
  'reward.tiers',
  'ppo.whitenEach',
  'ppo.scorePlace',
]);

const REWARDS: Record<RewardConfig['kind'], RewardConfig> = {
  'gain-beyond-rag': { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'genacc' },
  answer: { kind: 'answer', accuracy: 'em' },
  'recall-tiers': { kind: 'recall-tiers', format: true },
  formula: { kind: 'formula', formula: 'accuracy - baseline', accuracy: 'genacc' },
};

const ADVANTAGES: Record<AdvantageConfig['kind'], AdvantageConfig> = {
  gae: { kind: 'gae', gamma: 1, lambda: 1, observations: 'skip' },
  grpo: { kind: 'grpo', normalise: true, epsilon: 1e-6 },
  rloo: { kind: 'rloo' },
  'reinforce++': { kind: 'reinforce++', gamma: 1, baseline: 'none' },
};

const CONTROLLERS: Record<KlController['kind'], KlController> = {
  fixed: { kind: 'fixed', coefficient: 0.001 },
  adaptive: { kind: 'adaptive', initial: 0.001, target: 0.1, horizon: 10_000 },
};

const pick = <T>(table: Record<string, T>, key: Leaf): T | undefined =>
  typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;

/** The agent's name for a number of the recipe. */
export const TWINS: Readonly<Record<string, string>> = {
  'ppo.search.topK': 'agent.documentsPerQuery',
  'ppo.search.maxTurns': 'agent.maxTurns',
  'ppo.lengths.start': 'agent.startTokens',
  'ppo.lengths.prompt': 'agent.promptTokens',
  'ppo.lengths.response': 'agent.responseTokens',
  'ppo.lengths.observation': 'agent.observationTokens',
};

/**
 * A field set to a value. Kinds that decide which other fields there are bring those along: `base` gives them where it has the same
 * kind, so that going back to the kind of a preset is going back to its numbers.
 */
export function setField(config: RunConfig, path: string, value: Leaf, base: RunConfig): RunConfig {
  const { ppo } = config;
  if (path === 'reward.kind') {
    const reward = base.reward.kind === value ? base.reward : pick(REWARDS, value);
    return reward ? { ...config, reward } : config;
  }
  if (path === 'trained.kind') {
    if (value === 'model') return { ...config, trained: { kind: 'model' } };
    const { trained } = base;
    return {
      ...config,
      trained:
        trained.kind === 'adapter'
          ? trained
          : { kind: 'adapter', rank: 16, alpha: 32, modules: [...LORA_MODULES] },
    };
  }
  if (path === 'ppo.advantage.kind') {
    const advantage = base.ppo.advantage.kind === value ? base.ppo.advantage : pick(ADVANTAGES, value);
    if (!advantage) return config;
    // Values are learned where advantages are made of them, and nowhere else.
    const learned = base.ppo.critic ?? { learningRate: base.ppo.actor.learningRate, warmUpSteps: 0 };
    return {
      ...config,
      ppo: { ...ppo, advantage, critic: advantage.kind === 'gae' ? (ppo.critic ?? learned) : undefined },
    };
  }
  if (path === 'ppo.kl.controller.kind') {
    const before = base.ppo.kl.controller;
    const controller = before.kind === value ? before : pick(CONTROLLERS, value);
    return controller ? { ...config, ppo: { ...ppo, kl: { ...ppo.kl, controller } } } : config;
  }
  if (AUTOMATIC.has(path) && value === '') return withPath(config, path, undefined);
  const next = withPath(config, path, value);
  // The recipe's numbers are the agent's too, wherever the agent is told them.
  const twin = TWINS[path];
  return twin !== undefined && readPath(config, twin) !== undefined ? withPath(next, twin, value) : next;
}

export const valueOf = (config: RunConfig, path: string): Leaf =>
  AUTOMATIC.has(path) ? (readPath(config, path) ?? '') : readPath(config, path);

export const isChanged = (config: RunConfig, base: RunConfig, path: string): boolean =>
  !sameLeaf(valueOf(config, path), valueOf(base, path));
