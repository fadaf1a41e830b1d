/** What is timed: an engine that holds one sequence and extends it. */
export interface Contender {
  readonly name: string;
  /** Forgets the sequence, computes `tokens`, and resolves with the logits of the last one. For the check; not timed. */
  logits(tokens: readonly number[]): Promise<Float32Array>;
  /** Appends one token to the sequence. For the check; not timed. */
  appendLogits(token: number): Promise<Float32Array>;
  /** Forgets the sequence, computes the prompt, and decodes greedily: `newTokens` tokens in all. */
  generate(prompt: readonly number[], newTokens: number): Promise<Generation>;
  dispose(): Promise<void>;
}

export interface Generation {
  tokens: number[];
  /** Until the first token is known. */
  prefillMs: number;
  /** For the tokens after the first. */
  decodeMs: number;
}
