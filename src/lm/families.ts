/** What sets one model family apart from the next; the graph is the same. */
export interface Family {
  /** As `config.json` names it. */
  readonly architecture: string;
  readonly modelType: string;
  /** Whether the query, key and value projections have a bias: always, or where `attention_bias` says so (then o_proj, too). */
  readonly projectionBias: 'always' | 'configured';
  /** RMS norms over each head of queries and keys, before the rotary embedding. */
  readonly headNorms: boolean;
}

export const FAMILIES: readonly Family[] = [
  {
    architecture: 'Qwen2ForCausalLM',
    modelType: 'qwen2',
    projectionBias: 'always',
    headNorms: false,
  },
  {
    architecture: 'LlamaForCausalLM',
    modelType: 'llama',
    projectionBias: 'configured',
    headNorms: false,
  },
  {
    architecture: 'Qwen3ForCausalLM',
    modelType: 'qwen3',
    projectionBias: 'configured',
    headNorms: true,
  },
];
