/** Sizes of what workgroups that share a row leave for each other. */
import type { HeadShape } from './backend';

/** Stretches that the keys of a row are cut into where they are many. */
export const KEY_PARTS = 64;

/** Shape of the partial results of attention for so many rows: a head's part after the other, each with its maximum and sum behind. */
export const attentionPartials = (rows: number, { queryHeads, headSize }: HeadShape): [number, number] => [
  rows * queryHeads * KEY_PARTS,
  4 * Math.ceil(headSize / 4) + 4,
];

/** Tokens of a row of logits that a workgroup looks through at the least. */
export const SAMPLE_BLOCK = 1024;
/**
 * What it leaves: Σ exp(logit ÷ temperature − maximum) and that maximum; the largest logit after a penalty; the winner's value and
 * its token (the bits of a u32); Σ exp((logit − largest) ÷ temperature) after a penalty; two that are free.
 */
export const SAMPLE_PARTIAL_FIELDS = 8;

/** Columns of the partial results of sampling. */
export const samplePartials = (vocabulary: number): number =>
  Math.ceil(vocabulary / SAMPLE_BLOCK) * SAMPLE_PARTIAL_FIELDS;
