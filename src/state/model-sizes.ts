/** Sizes that follow from an architecture: what a checkpoint weighs, what it weighs here, and what memory it needs. */
import { planMemory, type MemoryPlan } from '../lm/budget';
import { slotsOf, weightTable } from '../lm/weights-table';
import type { WeightType } from '../protocol/model-import';
import type { AdapterShape, StoredModel, StoredModelSettings } from '../protocol/model-library';
import type { PublishedModel } from '../protocol/registry';
import { readConfig, settingsOf } from './model-context';

export interface ModelSizes {
  parameters: number;
  /** Of the checkpoint's weights. */
  downloadBytes: number;
  /** Of the pack that it becomes. */
  storedBytes: number;
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

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
    storedBytes: planMemory({ config, weights, maxContext: 2 }).weights,
  };
}

/** What a model takes in graphics memory. Null for an architecture that the engine does not know. */
export function memoryNeed(
  raw: unknown,
  weights: WeightType,
  maxContext: number,
  slots: number,
  adapters: readonly AdapterShape[] = [],
): MemoryPlan | null {
  const config = readConfig(raw);
  return config && planMemory({ config, weights, maxContext, slots, adapters });
}

/** As `memoryNeed`, for a stored model with these settings; default: its own. */
export function storedNeed(
  { config, weights: wanted, settings: own, report, adapters }: StoredModel,
  settings: StoredModelSettings = own,
): MemoryPlan | null {
  const { maxContext, slots, weights: chosen } = settingsOf(config, settings);
  const shapes = adapters.flatMap(({ shape }) => (shape ? [shape] : []));
  const weights = chosen ?? report?.weights ?? wanted;
  if (weights !== 'as stored') return memoryNeed(config, weights, maxContext, slots, shapes);
  const plan = memoryNeed(config, 'q8', maxContext, slots, shapes);
  if (!plan || !report) return plan;
  // Its tensors are of several types, which lie in memory as they lie in the pack.
  return { ...plan, weights: report.packBytes, total: plan.total - plan.weights + report.packBytes };
}
