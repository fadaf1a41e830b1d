/** What an import does, decided before a byte of weights is read: which tensors, in which types, in which shards. */
import type { ImportNotice, ImportSummary, WeightType } from '../../protocol/model-import';
import { isStoredFormat, type StoredTensor } from '../checkpoint';
import { parseModelConfig, type ModelConfig } from '../config';
import { slotType } from '../weight-types';
import { findStored } from '../weights';
import { slotsOf, weightTable } from '../weights-table';
import type { OpenedModel } from './open-model';
import { layOut, packBytesOf, shardBytesFor, type LaidTensor, type ShardPlan } from './pack-layout';

export interface PlannedTensor extends LaidTensor {
  stored: StoredTensor;
}

export interface ImportPlan {
  model: OpenedModel;
  config: ModelConfig;
  /** Undefined: as stored. */
  weights: WeightType | undefined;
  tensors: PlannedTensor[];
  shards: ShardPlan<PlannedTensor>[];
  summary: ImportSummary;
}

/** @throws AppError BAD_INPUT, UNSUPPORTED by name */
export function makePlan(model: OpenedModel, asked: WeightType | undefined, shardBytes?: number): ImportPlan {
  const config = parseModelConfig(model.config);
  const slots = slotsOf(weightTable(config));
  const needed = new Map(
    slots.flatMap((slot) => slot.sources.map((source) => [source.name, { slot, source }])),
  );
  for (const { source } of needed.values()) findStored(model.checkpoint, source);
  const weights = asked ?? (storesBlocks(model, [...needed.keys()]) ? undefined : 'q4');
  const tensors: PlannedTensor[] = [];
  // In the order of the source's files, so that they are read from end to end.
  for (const [name, stored] of model.checkpoint.tensors) {
    const entry = needed.get(name);
    if (!entry) continue;
    tensors.push({
      name,
      stored,
      shape: stored.shape,
      type: slotType(entry.slot, weights, model.checkpoint),
    });
  }
  const packBytes = packBytesOf(tensors);
  const shards = layOut(tensors, shardBytes ?? shardBytesFor(packBytes));
  const { name, revision, licence } = model.origin;
  return {
    ...{ model, config, weights, tensors, shards },
    summary: {
      name,
      architecture: config.family.architecture,
      weights: weights ?? 'as stored',
      parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      sourceBytes: tensors.reduce((sum, { stored }) => sum + stored.bytes, 0),
      packBytes,
      shards: shards.length,
      ...(revision !== undefined && { revision }),
      ...(licence !== undefined && { licence }),
      notices: notices(model, tensors),
    },
  };
}

/** Whether any of the tensors is stored in blocks; then the default is to leave them as they are. */
function storesBlocks({ checkpoint, container }: OpenedModel, names: readonly string[]): boolean {
  if (container === 'pack') return true;
  return names.some((name) => /^Q/.test(checkpoint.tensors.get(name)?.format ?? ''));
}

/** Formats whose blocks become ours without a change of any value. */
const SAME: Record<string, WeightType> = { Q8_0: 'q8', Q4_0: 'q4', q8: 'q8', q4: 'q4' };

function notices({ checkpoint }: OpenedModel, tensors: readonly PlannedTensor[]): ImportNotice[] {
  const requantised = new Map<string, number>();
  let narrowed = 0;
  for (const { stored, type } of tensors) {
    const { format } = stored;
    const quantised = type === 'q8' || type === 'q4';
    if (quantised && /^q/i.test(format) && SAME[format] !== type) {
      const key = `${format} to ${type}`;
      requantised.set(key, (requantised.get(key) ?? 0) + 1);
    }
    if (type === 'f16' && isStoredFormat(format) && ['F32', 'BF16', 'f32'].includes(format)) narrowed += 1;
  }
  const list = [...requantised].map(([what, count]): ImportNotice => ({
    kind: 'requantised',
    tensors: count,
    message: `${count} tensors are rounded a second time, from ${what}: a little accuracy is lost. Importing from unquantised weights avoids it.`,
  }));
  if (narrowed > 0) {
    const message = `${narrowed} tensors are narrowed to f16, which keeps 11 significant bits.`;
    list.push({ kind: 'narrowed', tensors: narrowed, message });
  }
  const taken = new Set(tensors.map(({ name }) => name));
  const left = [...checkpoint.tensors.keys()].filter((name) => !taken.has(name) && !isDerived(name));
  if (left.length > 0) {
    const some = left.slice(0, 5).join(', ').slice(0, 300);
    const message = `${left.length} tensors are left out, because this architecture does not use them: ${some}${left.length > 5 ? ', …' : ''}.`;
    list.push({ kind: 'left out', tensors: left.length, message });
  }
  return list;
}

/** Tables that are computed anew from the config. */
const isDerived = (name: string): boolean => /rotary_emb\.inv_freq$|^rope_freqs\.weight$/.test(name);
