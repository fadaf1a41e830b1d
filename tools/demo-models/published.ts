/**
 * Checkpoints that others have published and that the engine loads from the hub. What is said of them comes from their configs and from
 * the papers and repositories they belong to. Sizes are computed from the configs, so the page calls them estimates until it has asked
 * the hub.
 */
import type { PublishedModel } from '../../src/protocol/registry';

const qwen = (sizes: {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  vocab?: number;
  tied?: boolean;
}): Record<string, unknown> => ({
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_size: sizes.hidden,
  intermediate_size: sizes.intermediate,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: sizes.keyValueHeads,
  vocab_size: sizes.vocab ?? 151_936,
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  tie_word_embeddings: sizes.tied ?? true,
});

const QWEN_05 = qwen({ hidden: 896, intermediate: 4864, layers: 24, heads: 14, keyValueHeads: 2 });
const QWEN_15 = qwen({ hidden: 1536, intermediate: 8960, layers: 28, heads: 12, keyValueHeads: 2 });
const QWEN_3 = qwen({ hidden: 2048, intermediate: 11_008, layers: 36, heads: 16, keyValueHeads: 2 });
const QWEN_7 = qwen({
  ...{ hidden: 3584, intermediate: 18_944, layers: 28, heads: 28, keyValueHeads: 4 },
  ...{ vocab: 152_064, tied: false },
});

const qwen3 = (sizes: {
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
}): Record<string, unknown> => ({
  ...qwen({ ...sizes, keyValueHeads: 8 }),
  architectures: ['Qwen3ForCausalLM'],
  model_type: 'qwen3',
  head_dim: 128,
  max_position_embeddings: 40_960,
});

const LLAMA_3 = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 28,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  head_dim: 128,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
  tie_word_embeddings: true,
};

const CARD = 'see the model card';

type Entry = Omit<PublishedModel, 'revision' | 'title' | 'group' | 'licence' | 'storedAs' | 'weights'> &
  Partial<PublishedModel>;

const general = (entry: Entry): PublishedModel => ({
  ...{ revision: 'main', title: entry.repository.split('/')[1] ?? entry.repository, group: 'general' },
  ...{ licence: 'Apache-2.0', storedAs: 'bf16', weights: 'q4' },
  ...entry,
});

const searchR1 = (name: string, config: Record<string, unknown>, base: string): PublishedModel =>
  general({
    repository: `PeterJinGo/SearchR1-nq_hotpotqa_train-${name}`,
    title: `Search-R1 ${name}`,
    description: `Search-R1: ${base}, trained to search and to answer by itself. It follows its own prompt and tags.`,
    ...{ group: 'search-r1', licence: CARD, storedAs: 'f32', config },
  });

const deepRetrieval = (name: string, config: Record<string, unknown>, what: string): PublishedModel =>
  general({
    repository: `DeepRetrieval/DeepRetrieval-${name}`,
    description: `DeepRetrieval: ${what}. It follows its own prompt and tags.`,
    ...{ group: 'deepretrieval', licence: CARD, storedAs: 'f32', config },
  });

export const PUBLISHED: PublishedModel[] = [
  general({
    repository: 'Qwen/Qwen2.5-0.5B-Instruct',
    description: 'The smallest general one: a quick generator, and a searcher to try prompts with.',
    ...{ weights: 'q8', config: QWEN_05 },
  }),
  general({
    repository: 'Qwen/Qwen2.5-1.5B-Instruct',
    description: 'A generator for most laptops.',
    config: QWEN_15,
  }),
  general({
    repository: 'Qwen/Qwen2.5-3B-Instruct',
    description: 'A generator, and an untrained searcher.',
    ...{ licence: 'Qwen Research Licence (no commercial use)', config: QWEN_3 },
  }),
  general({
    repository: 'Qwen/Qwen2.5-7B-Instruct',
    description: 'The base of the s3 searcher, and a strong generator.',
    config: QWEN_7,
  }),
  general({
    repository: 'pat-jj/s3-8-3-3-20steps',
    title: 's3, 20 steps',
    description:
      'The searcher of the s3 paper: Qwen2.5-7B-Instruct after 20 steps of PPO, with 8 documents found, 3 kept, 3 turns.',
    ...{ group: 's3', licence: CARD, config: QWEN_7 },
    search: { promptStyle: 'full', documentsPerQuery: 8 },
  }),
  searchR1('qwen2.5-3b-em-ppo', QWEN_3, 'Qwen2.5-3B'),
  searchR1('qwen2.5-3b-it-em-ppo', QWEN_3, 'Qwen2.5-3B-Instruct'),
  searchR1('qwen2.5-7b-em-ppo', QWEN_7, 'Qwen2.5-7B'),
  deepRetrieval('NQ-BM25-3B', QWEN_3, 'writes queries for BM25 over Wikipedia'),
  deepRetrieval('PubMed-3B', QWEN_3, 'writes Boolean queries for PubMed'),
  deepRetrieval('PubMed-3B-Llama', LLAMA_3, 'writes Boolean queries for PubMed, from Llama-3.2-3B-Instruct'),
  general({
    repository: 'Qwen/Qwen3-0.6B',
    description: 'Small, of the newer family; thinks before it answers.',
    ...{ weights: 'q8', config: qwen3({ hidden: 1024, intermediate: 3072, layers: 28, heads: 16 }) },
  }),
  general({
    repository: 'Qwen/Qwen3-1.7B',
    description: 'Of the newer family; thinks before it answers.',
    config: qwen3({ hidden: 2048, intermediate: 6144, layers: 28, heads: 16 }),
  }),
  general({
    repository: 'Qwen/Qwen3-4B',
    description: 'Of the newer family; thinks before it answers.',
    config: qwen3({ hidden: 2560, intermediate: 9728, layers: 36, heads: 32 }),
  }),
];
