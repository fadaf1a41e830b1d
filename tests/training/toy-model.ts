/** A tiny Qwen2 with random weights, and runs on it: large enough to learn a rule, small enough for a test. */
import type { Backend } from '../../src/gpu/backend';
import type { Checkpoint, StoredTensor } from '../../src/lm/checkpoint';
import { LORA_MODULES } from '../../src/lm/lora/modules';
import { Random } from '../../src/lm/random';
import type { PpoConfig } from '../../src/train/ppo/config';
import { PRESETS } from '../../src/train/ppo/presets';
import type { Rollout, RunConfig } from '../../src/train/records';
import {
  openTrainingModel,
  type OpenTrainingModelOptions,
  type TrainingModel,
} from '../../src/train/trainer/open-training-model';
import { tensorsOf, type ShapeConfig } from '../models/made-checkpoint';

export const TOY: ShapeConfig = {
  architectures: ['Qwen2ForCausalLM'],
  ...{ model_type: 'qwen2', hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, vocab_size: 48, tie_word_embeddings: true },
  ...{ max_position_embeddings: 128, rms_norm_eps: 1e-6, rope_theta: 10000, hidden_act: 'silu' },
};

/** About N(0, 1), as the sum of twelve uniform numbers. */
const normal = (random: Random): number => {
  let sum = -6;
  for (let i = 0; i < 12; i += 1) sum += random.uniform();
  return sum;
};

/** Weights N(0, deviation²), norms 1, biases 0. */
export function toyCheckpoint(config: ShapeConfig, seed: number, deviation = 0.1): Checkpoint {
  const tensors = new Map<string, StoredTensor>();
  const random = new Random(seed);
  for (const { name, shape } of tensorsOf(config)) {
    const size = shape.reduce((product, n) => product * n, 1);
    const values = Float32Array.from({ length: size }, () =>
      name.endsWith('norm.weight') ? 1 : name.endsWith('.bias') ? 0 : normal(random) * deviation,
    );
    const width = size / shape[0]!;
    tensors.set(name, {
      ...{ name, shape, format: 'F32', bytes: 4 * size },
      readRows: (first, count) =>
        Promise.resolve({ kind: 'floats', values: values.slice(first * width, (first + count) * width) }),
    });
  }
  return { tensors };
}

/** `small-gpu` at toy size, with changes. */
export function toyRun(ppo: Partial<PpoConfig> = {}, run: Partial<RunConfig> = {}): RunConfig {
  return {
    ...{ format: 's3-web/run-config', version: 1, name: 'toy', preset: 'small-gpu' },
    searcher: { model: 'toy' },
    trained: { kind: 'adapter', rank: 4, alpha: 8, modules: [...LORA_MODULES] },
    ...{
      criticRank: 2,
      generator: 'searcher',
      corpus: 'toy',
      retrieval: 'bm25',
    },
    questions: { source: 'toy', limit: null, filter: false },
    reward: { kind: 'answer', accuracy: 'em' },
    ...{ agent: {}, device: 'cpu' },
    ...run,
    ppo: {
      ...PRESETS['small-gpu'],
      batch: {
        ...PRESETS['small-gpu'].batch,
        prompts: 8,
        miniBatch: 8,
        actorMicroBatch: 8,
        criticMicroBatch: 8,
      },
      actor: { learningRate: 3e-3, warmUpSteps: 0 },
      critic: { learningRate: 3e-3, warmUpSteps: 0 },
      sampling: { temperature: 1, topP: 1 },
      lengths: { start: 16, prompt: 64, response: 16, observation: 16 },
      seed: 7,
      ...ppo,
    },
  };
}

export const openToy = (
  backend: Backend,
  config: RunConfig,
  options: Partial<OpenTrainingModelOptions> = {},
): Promise<TrainingModel> =>
  openTrainingModel({
    ...{ backend, config, files: { config: TOY, checkpoint: toyCheckpoint(TOY, 1) } },
    ...{ maxContext: 64, maxTokens: 64, passTokens: 256, slots: 8 },
    ...options,
  });

/** Rollouts of random tokens with an observation in the middle: what a step does with them is deterministic. */
export function madeRollouts(
  count: number,
  seed: number,
  { group = 1, vocabulary = TOY.vocab_size } = {},
): Rollout[] {
  const random = new Random(seed);
  const below = (n: number): number => Math.floor(random.uniform() * n);
  return Array.from({ length: count }, (_, i) => {
    const promptLength = 3 + below(6);
    const lengths = [2 + below(4), 1 + below(5), 1 + below(4)] as const;
    const total = promptLength + lengths[0] + lengths[1] + lengths[2];
    const tokens = Array.from({ length: total }, () => below(vocabulary));
    const isAction = (at: number): boolean =>
      at >= promptLength && !(at >= promptLength + lengths[0] && at < promptLength + lengths[0] + lengths[1]);
    const id = String(Math.floor(i / group));
    return {
      question: { id, source: 'toy', question: `question ${id}`, goldAnswers: [] },
      events: [],
      reward: { score: below(2), accuracy: 0 },
      ...{ tokens, promptLength },
      actions: Uint8Array.from(tokens, (_token, at) => (isAction(at) ? 1 : 0)),
      logProbs: new Float32Array(total),
    };
  });
}
