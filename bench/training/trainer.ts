/** What is timed: one update of an adapter on all seven linears of every layer, from a given gradient of the last layer's output. */
import type { LoraAdapter } from '../../src/lm/lora/adapter';

export interface Task {
  tokens: readonly number[];
  /** Of the loss by the last layer's output, `[tokens, hidden]`. */
  outputGradient: Float32Array;
  adapter: LoraAdapter;
  learningRate: number;
}

export interface Trainer {
  readonly name: string;
  /** Forward, backward, AdamW. */
  step(): Promise<void>;
  /** Of the parameters in the adapter's order, A then B of each pair, at the state before the first `step`. */
  gradients(): Promise<Float32Array[]>;
  dispose(): void;
}
