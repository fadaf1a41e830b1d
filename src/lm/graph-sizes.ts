import type { ModelConfig } from './config';
import type { GraphSizes } from './graph';

/** Bounds the logits of one head run, which are `[rows, vocab]`. */
const LOGITS_BYTES = 16 * 1024 * 1024;
const MAX_HEAD_ROWS = 64;

export interface WantedSizes {
  maxContext: number;
  slots: number;
  /** Of the backend: rows that a prefill step should bring. */
  preferredRows: number;
}

/** The sizes that a model is built with; a budget counts with the same. */
export function graphSizes(
  { vocabSize }: Pick<ModelConfig, 'vocabSize'>,
  { maxContext, slots, preferredRows }: WantedSizes,
): GraphSizes {
  const stepRows = Math.max(slots, Math.min(preferredRows, maxContext));
  const headRows = Math.max(
    slots,
    Math.min(MAX_HEAD_ROWS, stepRows, Math.floor(LOGITS_BYTES / 4 / vocabSize)),
  );
  return { slots, capacity: maxContext, stepRows, headRows };
}
