import { LORA_MODULES } from '../../lm/lora/modules';
import { PRESETS, type PresetName } from '../ppo/presets';
import type { RewardConfig, RunConfig, TrainedSystem } from '../records';

export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

export const isPreset = (name: string): name is PresetName => Object.hasOwn(PRESETS, name);

const REWARDS: Record<PresetName, RewardConfig> = {
  s3: { kind: 'gain-beyond-rag', form: 'code', accuracy: 'genacc' },
  'search-r1': { kind: 'answer', accuracy: 'em' },
  'search-r1-grpo': { kind: 'answer', accuracy: 'em' },
  deepretrieval: { kind: 'recall-tiers', format: true },
  'small-gpu': { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'genacc' },
  'verl-2026': { kind: 'answer', accuracy: 'em' },
  'trl-ppo': { kind: 'answer', accuracy: 'em' },
  'trl-grpo': { kind: 'answer', accuracy: 'em' },
  cleanrl: { kind: 'answer', accuracy: 'em' },
};

/** The agent of a paper whose recipe it is; all others train the searcher of s3. */
const SYSTEMS: Partial<Record<PresetName, TrainedSystem>> = {
  'search-r1': 'search-r1',
  'search-r1-grpo': 'search-r1',
  deepretrieval: 'deepretrieval',
};

/**
 * A whole configuration from a preset, for the models and data that come with the project; what a user changes starts from here.
 * The lengths and turns of the recipe become the agent's, so that training and use agree.
 */
export function defaultRunConfig(preset: PresetName = 'small-gpu'): RunConfig {
  const ppo = structuredClone<RunConfig['ppo']>(PRESETS[preset]);
  const { lengths, search } = ppo;
  const small = preset === 'small-gpu';
  const system = SYSTEMS[preset];
  return {
    format: 's3-web/run-config',
    version: 1,
    name: `${preset} run`,
    preset,
    searcher: { model: 'demo' },
    trained: { kind: 'adapter', rank: 16, alpha: 32, modules: [...LORA_MODULES] },
    criticRank: small ? 0 : 16,
    generator: 'searcher',
    corpus: 'demo-train',
    retrieval: 'dense',
    questions: { source: 'demo-train', limit: null, filter: true },
    reward: { ...REWARDS[preset] },
    ...(system && { system }),
    agent: {
      // The demo's models know the compact prompt and five documents a query.
      promptStyle: 'compact',
      documentsPerQuery: 5,
      maxTurns: search.maxTurns,
      startTokens: lengths.start,
      promptTokens: lengths.prompt,
      responseTokens: lengths.response,
      observationTokens: lengths.observation,
    },
    ppo: { ...ppo, search: { ...search, topK: 5 } },
    device: 'auto',
  };
}
