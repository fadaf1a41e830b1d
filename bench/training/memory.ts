/** What a step of training holds in memory, against what the plan promised before anything was loaded. */
import type { Backend } from '../../src/gpu/backend';
import { parseModelConfig } from '../../src/lm/config';
import { Random } from '../../src/lm/random';
import type { Rollout, RunConfig } from '../../src/train/records';
import { defaultRunConfig } from '../../src/train/runs/default-config';
import { openTrainingModel } from '../../src/train/trainer/open-training-model';
import { planTrainingMemory } from '../../src/train/trainer/plan-memory';
import type { BenchModel } from '../lm/model';
import { digits } from '../statistics';

const MIB = 2 ** 20;

/** Of random tokens, the second half of each written by the policy; half of them are rewarded. */
function madeRollouts(count: number, tokens: number, vocabulary: number): Rollout[] {
  const random = new Random(5);
  return Array.from({ length: count }, (_, i) => ({
    question: { id: String(i), source: 'made', question: `question ${i}`, goldAnswers: [] },
    events: [],
    reward: { score: i % 2, accuracy: i % 2 },
    tokens: Array.from({ length: tokens }, () => Math.floor(random.uniform() * vocabulary)),
    promptLength: tokens / 2,
    actions: Uint8Array.from({ length: tokens }, (__, at) => (at >= tokens / 2 ? 1 : 0)),
    logProbs: new Float32Array(tokens),
  }));
}

function recipe(prompts: number, tokens: number): RunConfig {
  const config = defaultRunConfig('s3');
  const { batch, lengths } = config.ppo;
  return {
    ...config,
    searcher: { model: 'bench', weights: 'q4' },
    ppo: {
      ...config.ppo,
      batch: { ...batch, prompts, rolloutsPerPrompt: 1, miniBatch: prompts },
      lengths: { ...lengths, prompt: tokens - 100, response: 100 },
    },
  };
}

/** A step of two episodes of `tokens` tokens: s3's recipe, critic and reference included. */
export async function compareMemory(
  model: BenchModel,
  backend: Backend,
  tokens: number,
  print: (line: string) => void,
): Promise<void> {
  const config = recipe(2, tokens);
  const sizes = { maxContext: tokens, maxTokens: tokens, passTokens: tokens, slots: 2 };
  const { kind } = backend.description;
  const plan = planTrainingMemory({
    ...{ model: model.config, config, device: kind, preferredRows: backend.preferredRows, ...sizes },
  });
  const opened = await openTrainingModel({
    ...{ backend, config, files: { config: model.json, weights: model.source }, ...sizes },
  });
  await opened.trainer.step(madeRollouts(2, tokens, model.config.vocabSize));
  const live = opened.trainer.liveBytes;
  opened.dispose();
  print(
    `\nA step of s3's recipe, ${model.label}, episodes of ${tokens} tokens, on ${backend.description.name}: ` +
      `planned ${digits(plan.total / MIB)} MiB, held ${digits(live / MIB)} MiB, **${(live / plan.total).toFixed(3)}** of the plan.`,
  );
}

/** Qwen2.5-0.5B whole, by its published configuration: planned, not run. */
export function planHalfBillion(print: (line: string) => void): void {
  const model = parseModelConfig({
    ...{ model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], hidden_act: 'silu', vocab_size: 151_936 },
    ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, num_attention_heads: 14 },
    ...{ num_key_value_heads: 2, max_position_embeddings: 32_768, rms_norm_eps: 1e-6, rope_theta: 1e6 },
    ...{ tie_word_embeddings: true, bos_token_id: 151_643, eos_token_id: 151_645 },
  });
  for (const preset of ['small-gpu', 's3'] as const) {
    const config = { ...recipe(16, 1536), ...{ criticRank: defaultRunConfig(preset).criticRank } };
    const plan = planTrainingMemory({
      ...{ model, config, device: 'webgpu', preferredRows: 64, slots: 16, maxContext: 1536 },
    });
    const part = (bytes: number): string => `${digits(bytes / 2 ** 30)} GiB`;
    print(
      `\nPlanned for Qwen2.5-0.5B whole in 4 bits, 16 episodes of 1,536 tokens, critic of rank ${config.criticRank}: ` +
        `**${part(plan.total)}** (engine ${part(plan.engine.total)}, trainer ${part(plan.trainer)}).`,
    );
  }
}
