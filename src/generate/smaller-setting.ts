/** What to do when a model does not fit into memory: the smaller setting that loses least. */
import type { WeightType } from '../protocol/model-import';
import { AppError } from '../protocol/errors';

export interface MemorySetting {
  /** Undefined: as stored. */
  weights: WeightType | undefined;
  maxContext: number;
  slots: number;
}

/** Bytes that a setting needs. */
export type MemoryNeed = (setting: MemorySetting) => number;

const LEAST_CONTEXT = 1024;
const SMALLER: Record<WeightType, readonly WeightType[]> = {
  f32: ['f16', 'q8', 'q4'],
  f16: ['q8', 'q4'],
  q8: ['q4'],
  q4: [],
};
/** Nobody says how much memory there is; what failed was too much, and a little less would be as well. */
const FITS_BELOW = 0.8;

/** Smaller settings, the one that loses least first: fewer slots, then a shorter context, then coarser weights. */
function* smallerSettings(from: MemorySetting, stored: WeightType | null): Generator<MemorySetting> {
  const narrower = stored ? SMALLER[from.weights ?? stored] : [];
  for (const weights of [from.weights, ...narrower]) {
    for (let slots = from.slots; slots >= 1; slots = slots > 1 ? slots >> 1 : 0) {
      if (weights === from.weights && slots === from.slots) continue;
      yield { weights, slots, maxContext: from.maxContext };
    }
    for (let maxContext = from.maxContext >> 1; maxContext >= LEAST_CONTEXT; maxContext >>= 1) {
      yield { weights, slots: 1, maxContext };
    }
  }
}

export interface SmallerSetting extends MemorySetting {
  bytes: number;
}

/**
 * The first smaller setting that needs clearly less than what did not fit; null where there is none. `stored` is what the weights are
 * where the setting names no type; null where they must not be narrowed.
 */
export function smallerSetting(
  from: MemorySetting,
  need: MemoryNeed,
  stored: WeightType | null,
): SmallerSetting | null {
  const limit = need(from) * FITS_BELOW;
  for (const setting of smallerSettings(from, stored)) {
    const bytes = need(setting);
    if (bytes <= limit) return { ...setting, bytes };
  }
  return null;
}

const inWords = (bytes: number): string =>
  bytes >= 0.95e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;

/** `OUT_OF_MEMORY` in plain words, with the setting that may fit in its fix and, for a button, in its context. */
export function doesNotFit(
  title: string,
  device: string,
  from: MemorySetting,
  need: MemoryNeed,
  stored: WeightType | null,
): AppError {
  const needed = need(from);
  const smaller = smallerSetting(from, need, stored);
  const changes = smaller && [
    ...(smaller.weights === from.weights ? [] : [`weights in ${smaller.weights ?? 'another type'}`]),
    ...(smaller.slots === from.slots
      ? []
      : [smaller.slots === 1 ? 'one sequence at a time' : `${smaller.slots} sequences at a time`]),
    ...(smaller.maxContext === from.maxContext
      ? []
      : [`a context of ${smaller.maxContext.toLocaleString('en-GB')} tokens`]),
  ];
  return new AppError(
    'OUT_OF_MEMORY',
    `“${title}” needs ${inWords(needed)} of memory, which ${device} does not give.`,
    {
      fix:
        smaller && changes
          ? `Load it with ${changes.join(' and ')}: that needs ${inWords(smaller.bytes)}. Closing other tabs that use the graphics card helps, too.`
          : 'Close other tabs that use the graphics card, or choose a smaller model.',
      recoverable: true,
      context: {
        neededBytes: needed,
        ...(smaller && {
          ...(smaller.weights && { smallerWeights: smaller.weights }),
          smallerContext: smaller.maxContext,
          smallerSlots: smaller.slots,
          smallerBytes: smaller.bytes,
        }),
      },
    },
  );
}
