/** The schema of a run's configuration: what each field may be, in words that a person can act on. */
import * as v from 'valibot';
import { LORA_MODULES } from '../../lm/lora/modules';
import { AppError } from '../../protocol/errors';
import { TRAINED_SYSTEMS, type RunConfig } from '../records';
import type { ConfigIssue } from '../worker-api';

const finite = v.pipe(v.number('must be a number'), v.finite('must be a number'));
const atLeast = (least: number) => v.pipe(finite, v.minValue(least, `must be ${least} or more`));
const within = (least: number, most: number) =>
  v.pipe(atLeast(least), v.maxValue(most, `must be ${most} or less`));
const positive = v.pipe(finite, v.gtValue(0, 'must be more than 0'));
const whole = (least: number) =>
  v.pipe(v.number('must be a whole number'), v.safeInteger('must be a whole number'), atLeast(least));
const text = v.pipe(v.string('must be a text'), v.trim(), v.nonEmpty('must not be empty'));
const word = <const T extends readonly string[]>(words: T) =>
  v.picklist(words, `must be one of ${words.join(', ')}`);
const flag = v.boolean('must be true or false');
/** An object without fields that nothing reads: a misspelt name would otherwise change nothing, and nobody would know. */
const object = <const T extends v.ObjectEntries>(entries: T) => v.strictObject(entries, wrongObject);
const wrongObject = (issue: v.StrictObjectIssue): string =>
  issue.expected === 'never'
    ? 'is not known; check its spelling'
    : issue.received === 'undefined'
      ? 'is missing'
      : 'must be an object';

const optimiser = object({
  learningRate: atLeast(0),
  warmUpSteps: whole(0),
  annealSteps: v.exactOptional(whole(1)),
});
const mask = ['actions', 'response', 'shifted'] as const;

const advantage = v.variant(
  'kind',
  [
    object({
      kind: v.literal('gae'),
      gamma: within(0, 1),
      lambda: within(0, 1),
      observations: word(['all', 'skip']),
    }),
    object({ kind: v.literal('grpo'), normalise: flag, epsilon: positive }),
    object({ kind: v.literal('rloo') }),
    object({ kind: v.literal('reinforce++'), gamma: within(0, 1), baseline: word(['none', 'group']) }),
  ],
  'must be one of gae, grpo, rloo, reinforce++',
);

const controller = v.variant(
  'kind',
  [
    object({ kind: v.literal('fixed'), coefficient: atLeast(0) }),
    object({ kind: v.literal('adaptive'), initial: atLeast(0), target: positive, horizon: positive }),
  ],
  'must be fixed or adaptive',
);

/** JSON has no `undefined`: there `null` or a missing field stands for it. */
const orNone = <T extends v.GenericSchema>(schema: T) => v.nullish(schema);

const ppo = object({
  advantage,
  whitening: word([...mask, 'none']),
  whitenEach: v.exactOptional(word(['step', 'mini-batch'])),
  valueMask: word(mask),
  clip: object({
    low: positive,
    high: positive,
    dual: orNone(v.pipe(finite, v.gtValue(1, 'must be more than 1'))),
    logRatioLimit: orNone(positive),
  }),
  valueClip: positive,
  valueCoefficient: v.exactOptional(positive),
  scorePlace: v.exactOptional(word(['last', 'after'])),
  entropyCoefficient: finite,
  kl: object({
    place: word(['reward', 'loss', 'none']),
    estimator: word(['k1', 'abs', 'k2', 'k3']),
    controller,
  }),
  aggregation: word(['token-mean', 'sequence-mean-token-sum', 'sequence-mean-token-mean', 'token-sum-norm']),
  meanOver: word(['micro-batch', 'mini-batch']),
  batch: object({
    prompts: whole(1),
    rolloutsPerPrompt: whole(1),
    miniBatch: whole(1),
    actorMicroBatch: whole(1),
    criticMicroBatch: whole(1),
    logProbMicroBatch: whole(1),
    epochs: whole(1),
    shuffleMiniBatches: flag,
  }),
  actor: optimiser,
  critic: orNone(optimiser),
  criticWarmUpSteps: whole(0),
  adamW: object({
    beta1: within(0, 0.999999),
    beta2: within(0, 0.999999),
    epsilon: positive,
    weightDecay: atLeast(0),
  }),
  gradientClip: positive,
  sampling: object({
    temperature: v.pipe(positive, v.maxValue(10, 'must be 10 or less')),
    topP: v.pipe(positive, v.maxValue(1, 'must be 1 or less')),
  }),
  lengths: object({ start: whole(1), prompt: whole(1), response: whole(1), observation: whole(0) }),
  search: object({ maxTurns: whole(1), topK: whole(1) }),
  run: object({
    epochs: whole(1),
    steps: v.nullable(whole(1)),
    saveEvery: whole(1),
    saveAt: v.array(whole(1), 'must be a list of steps'),
  }),
  seed: whole(0),
});

const accuracy = word(['genacc', 'span', 'judge', 'em', 'f1']);

const reward = v.variant(
  'kind',
  [
    object({
      kind: v.literal('gain-beyond-rag'),
      form: word(['paper', 'code']),
      accuracy,
      format: v.exactOptional(finite),
    }),
    object({
      kind: v.literal('answer'),
      accuracy,
      format: v.exactOptional(
        v.union([finite, v.literal('search-r1')], 'must be a number of points, or search-r1'),
      ),
    }),
    object({
      kind: v.literal('recall-tiers'),
      format: flag,
      tiers: v.exactOptional(word(['literature', 'nq', 'squad'])),
    }),
    object({ kind: v.literal('formula'), formula: text, accuracy }),
  ],
  'must be one of gain-beyond-rag, answer, recall-tiers, formula',
);

const trained = v.variant(
  'kind',
  [
    object({
      kind: v.literal('adapter'),
      rank: v.pipe(whole(1), v.maxValue(1024, 'must be 1024 or less')),
      alpha: positive,
      modules: v.pipe(
        v.array(word(LORA_MODULES), 'must be a list of linear layers'),
        v.minLength(1, 'must name at least one'),
      ),
    }),
    object({ kind: v.literal('model') }),
  ],
  'must be adapter or model',
);

/** May be left out, and then stands as the agent has it. */
const may = <T extends v.GenericSchema>(schema: T) => v.exactOptional(schema);

const agent = object({
  mode: may(word(['paper', 'code'])),
  initialDocuments: may(whole(0)),
  generatorTemperature: may(atLeast(0)),
  generatorTopP: may(within(0, 1)),
  generatorMaxTokens: may(whole(1)),
  contextDocuments: may(whole(1)),
  contextTokens: may(whole(1)),
  promptStyle: may(word(['full', 'compact'])),
  documentsPerQuery: may(whole(1)),
  documentsSelected: may(whole(1)),
  maxTurns: may(whole(1)),
  enforceSelected: may(flag),
  closingTurn: may(flag),
  booleanQueries: may(flag),
  contextVariant: may(word(['s3', 'mirage'])),
  ablation: may(word(['none', 'no-selection', 'no-initial', 'neither'])),
  searcherTemperature: may(atLeast(0)),
  searcherTopP: may(within(0, 1)),
  startTokens: may(whole(1)),
  promptTokens: may(whole(1)),
  responseTokens: may(whole(1)),
  observationTokens: may(whole(0)),
});

const runConfig = object({
  format: v.literal('s3-web/run-config', 'must be "s3-web/run-config"'),
  version: v.literal(1, 'must be 1: this was written by another version'),
  name: v.pipe(text, v.maxLength(200, 'must have 200 characters or fewer')),
  preset: text,
  searcher: object({
    model: text,
    weights: v.exactOptional(word(['f32', 'f16', 'q8', 'q4'])),
    adapter: v.exactOptional(text),
  }),
  trained,
  criticRank: v.pipe(whole(0), v.maxValue(1024, 'must be 1024 or less')),
  generator: text,
  corpus: text,
  retrieval: word(['dense', 'bm25', 'hybrid']),
  questions: object({ source: text, limit: v.nullable(whole(1)), filter: flag }),
  reward,
  system: v.exactOptional(word(TRAINED_SYSTEMS)),
  agent,
  ppo,
  device: word(['auto', 'cpu', 'webgpu']),
});

export type ConfigResult = { config: RunConfig; issues: [] } | { config: undefined; issues: ConfigIssue[] };

/** Checks a parsed configuration; every field that is wrong is told, by its path. */
export function checkRunConfig(json: unknown): ConfigResult {
  const result = v.safeParse(runConfig, json);
  if (!result.success) {
    const issues = result.issues.map((issue): ConfigIssue => {
      const missing = issue.received === 'undefined' && issue.expected !== 'never';
      return { path: v.getDotPath(issue) ?? '', message: missing ? 'is missing' : issue.message };
    });
    return { config: undefined, issues };
  }
  const config = withAbsences(result.output);
  const issues = contradictions(config);
  return issues.length > 0 ? { config: undefined, issues } : { config, issues: [] };
}

function withAbsences({ ppo: read, ...rest }: v.InferOutput<typeof runConfig>): RunConfig {
  const { dual, logRatioLimit } = read.clip;
  const clip = { ...read.clip, dual: dual ?? undefined, logRatioLimit: logRatioLimit ?? undefined };
  return { ...rest, ppo: { ...read, clip, critic: read.critic ?? undefined } };
}

/** Fields that are sound one by one and cannot go together. */
function contradictions({ ppo, trained, criticRank, agent }: RunConfig): ConfigIssue[] {
  const { advantage, batch, lengths, critic } = ppo;
  const issues: ConfigIssue[] = [];
  const tell = (wrong: boolean, path: string, message: string): void => {
    if (wrong) issues.push({ path, message });
  };
  const grouped =
    advantage.kind === 'grpo' ||
    advantage.kind === 'rloo' ||
    (advantage.kind === 'reinforce++' && advantage.baseline === 'group');
  tell(
    batch.miniBatch > batch.prompts,
    'ppo.batch.miniBatch',
    `is more than the ${batch.prompts} prompts of a step`,
  );
  tell(
    grouped && batch.rolloutsPerPrompt < 2,
    'ppo.batch.rolloutsPerPrompt',
    `must be 2 or more for ${advantage.kind}, which compares the rollouts of one question`,
  );
  tell(
    advantage.kind === 'gae' && critic === undefined,
    'ppo.critic',
    'is missing: GAE needs a critic; choose another kind of advantage to do without',
  );
  tell(
    lengths.start > lengths.prompt,
    'ppo.lengths.start',
    `is more than the searcher's window of ${lengths.prompt} tokens`,
  );
  tell(
    trained.kind === 'model' && criticRank > 0 && critic !== undefined,
    'criticRank',
    'must be 0 where the whole model is trained: an adapter for the critic needs a base that stays',
  );
  tell(
    agent.ablation === 'no-selection' || agent.ablation === 'neither',
    'agent.ablation',
    'leaves out the selection, which is what is trained',
  );
  return issues;
}

/** @throws AppError BAD_INPUT that names every field that is wrong */
export function requireRunConfig(json: unknown): RunConfig {
  const { config, issues } = checkRunConfig(json);
  if (config) return config;
  const told = issues.slice(0, 8).map(({ path, message }) => `${path || 'The file'} ${message}`);
  const more = issues.length > told.length ? `; and ${issues.length - told.length} more` : '';
  throw new AppError('BAD_INPUT', `The configuration cannot be used: ${told.join('; ')}${more}.`, {
    fix: 'Correct these fields. `s3 train --print-config small-gpu` prints a whole configuration.',
    context: { fields: issues.map(({ path }) => path).join(', ') },
  });
}
