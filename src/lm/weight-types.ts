/** Which type each tensor of a model gets, for a loader and an importer alike. */
import { GROUP } from '../gpu/blocks';
import type { WeightType } from '../protocol/model-import';
import { isStoredFormat, type Checkpoint, type StoredFormat } from './checkpoint';
import type { WeightSlot } from './weights-table';

/** What a stored tensor becomes when nothing is asked for: blocks stay blocks, floats become f32. */
const NATURAL: Record<StoredFormat, WeightType> = {
  ...{ F32: 'f32', F16: 'f32', BF16: 'f32', Q8_0: 'q8', Q4_0: 'q4', Q4_K: 'q4', Q6_K: 'q8' },
  ...{ f32: 'f32', f16: 'f16', q8: 'q8', q4: 'q4' },
};

/** From few to many bits. */
const ORDER: readonly WeightType[] = ['q4', 'q8', 'f16', 'f32'];

/**
 * The type of a slot. `weights` undefined: as the checkpoint stores it, and where tensors that lie in one slot differ, the one with more
 * bits. Embedding and head take q8 where q4 is asked for: they are small beside the linears and suffer more. What cannot be cut into
 * groups of 32 columns stays f16, or f32 where its rows do not have an even length.
 */
export function slotType(
  { kind, shape, sources }: WeightSlot,
  weights: WeightType | undefined,
  checkpoint?: Checkpoint,
): WeightType {
  if (kind === 'vector') return 'f32';
  const stored = sources.map(({ name }) => {
    const format = checkpoint?.tensors.get(name)?.format ?? 'F32';
    return isStoredFormat(format) ? NATURAL[format] : 'f32';
  });
  const widest = ORDER.findLast((type) => stored.includes(type)) ?? 'f32';
  const asked = weights ?? widest;
  const wanted = kind === 'embedding' && weights === 'q4' ? 'q8' : asked;
  const columns = shape[1] ?? 1;
  if ((wanted === 'q8' || wanted === 'q4') && columns % GROUP !== 0) return columns % 2 === 0 ? 'f16' : 'f32';
  return wanted === 'f16' && columns % 2 !== 0 ? 'f32' : wanted;
}
