/** What sets one model family apart from the next; the graph is the same. */
export interface Family {
  /** As `config.json` names it. */
  readonly architecture: string;
  readonly modelType: string;
  /** Whether the query, key and value projections have a bias. */
  readonly projectionBias: boolean;
}

export const FAMILIES: readonly Family[] = [
  { architecture: 'Qwen2ForCausalLM', modelType: 'qwen2', projectionBias: true },
  { architecture: 'LlamaForCausalLM', modelType: 'llama', projectionBias: false },
];
