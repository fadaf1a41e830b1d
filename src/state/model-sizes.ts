/** Sizes that follow from an architecture: what a checkpoint weighs, what it weighs here, and what memory it needs. */
import { tensorBytes } from '../gpu/dtype';
import { parseModelConfig, type ModelConfig } from '../lm/config';
import { slotType } from '../lm/weight-types';
import { slotsOf, weightTable } from '../lm/weights-table';
import type { WeightType } from '../protocol/model-import';
import type { PublishedModel } from '../protocol/registry';

export interface ModelSizes {
  parameters: number;
  /** Of the checkpoint's weights. */
  downloadBytes: number;
  /** Of the pack that it becomes. */
  storedBytes: number;
}

export interface MemoryNeed {
  weights: number;
  cache: number;
  scratch: number;
  total: number;
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Null for an architecture that the engine does not know. */
export function readConfig(config: unknown): ModelConfig | null {
  try {
    return parseModelConfig(config);
  } catch {
    // What is wrong with it is said when it is imported.
    return null;
  }
}

function weightBytes(config: ModelConfig, weights: WeightType): number {
  return slotsOf(weightTable(config)).reduce(
    (sum, slot) => sum + tensorBytes(slotType(slot, weights), slot.shape),
    0,
  );
}

export function publishedSizes(
  { config: raw, storedAs }: PublishedModel,
  weights: WeightType,
): ModelSizes | null {
  const config = readConfig(raw);
  if (!config) return null;
  const parameters = slotsOf(weightTable(config)).reduce((sum, { shape }) => sum + count(shape), 0);
  return {
    parameters,
    downloadBytes: parameters * (storedAs === 'f32' ? 4 : 2),
    storedBytes: weightBytes(config, weights),
  };
}

/** What a loaded model takes. Null for an architecture that the engine does not know. */
export function memoryNeed(
  raw: unknown,
  weights: WeightType,
  maxContext: number,
  slots: number,
): MemoryNeed | null {
  const config = readConfig(raw);
  if (!config) return null;
  const bytes = weightBytes(config, weights);
  const cache = 4 * 2 * config.layers * config.keyValueHeads * config.headSize * maxContext * slots;
  return { weights: bytes, cache, scratch: 0, total: bytes + cache };
}

export const DEFAULT_CONTEXT = 8192;
const CONTEXTS = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/** Contexts that a model can be loaded with, shortest first. */
export function contextChoices(raw: unknown): number[] {
  const most = readConfig(raw)?.maxPositions ?? 0;
  const choices = CONTEXTS.filter((context) => context <= most);
  return choices.length > 0 ? choices : most > 0 ? [most] : [];
}

/** What a load takes where nothing is chosen. */
export const defaultContext = (raw: unknown): number =>
  Math.min(readConfig(raw)?.maxPositions ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);
