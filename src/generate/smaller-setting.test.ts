import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WeightType } from '../protocol/model-import';
import { doesNotFit, smallerSetting, type MemorySetting } from './smaller-setting';

const BITS: Record<WeightType, number> = { f32: 32, f16: 16, q8: 8.5, q4: 4.5 };
/** Half a billion parameters, 12 KiB of cache a token. */
const need = ({ weights, maxContext, slots }: MemorySetting): number =>
  (5e8 * BITS[weights ?? 'f32']) / 8 + maxContext * slots * 12_288;

describe('the smaller setting', () => {
  it('gives up slots before context, and context before precision', () => {
    const setting: MemorySetting = { weights: 'q4', maxContext: 32_768, slots: 4 };
    expect(smallerSetting(setting, need, 'f32')).toMatchObject({
      weights: 'q4',
      maxContext: 32_768,
      slots: 2,
    });
    expect(smallerSetting({ ...setting, slots: 1 }, need, 'f32')).toMatchObject({
      weights: 'q4',
      maxContext: 16_384,
    });
    expect(smallerSetting({ weights: 'f32', maxContext: 1024, slots: 1 }, need, 'f32')).toMatchObject({
      weights: 'f16',
      maxContext: 1024,
    });
    expect(smallerSetting({ weights: 'f32', maxContext: 1024, slots: 1 }, need, null)).toBeNull();
    expect(smallerSetting({ weights: 'q4', maxContext: 1024, slots: 1 }, need, 'f32')).toBeNull();
  });

  it('narrows from what is stored, and says so, where the setting names no type', () => {
    const from: MemorySetting = { weights: undefined, maxContext: 1024, slots: 1 };
    const stored = (setting: MemorySetting): number => need({ ...setting, weights: setting.weights ?? 'q8' });
    expect(smallerSetting(from, stored, 'q8')).toMatchObject({ weights: 'q4', maxContext: 1024, slots: 1 });
    const { context, fix } = doesNotFit('Big', 'the GPU', from, stored, 'q8');
    expect(context).toMatchObject({ smallerWeights: 'q4' });
    expect(fix).toContain('Load it with weights in q4:');
  });

  it('always needs at least a fifth less', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<WeightType>('f32', 'f16', 'q8', 'q4'),
        fc.integer({ min: 2, max: 131_072 }),
        fc.integer({ min: 1, max: 16 }),
        fc.boolean(),
        (weights, maxContext, slots, canNarrow) => {
          const from = { weights, maxContext, slots };
          const smaller = smallerSetting(from, need, canNarrow ? 'f32' : null);
          if (!smaller) return;
          expect(smaller.bytes).toBe(need(smaller));
          expect(smaller.bytes).toBeLessThanOrEqual(need(from) * 0.8);
          if (!canNarrow) expect(smaller.weights).toBe(weights);
        },
      ),
    );
  });

  it('is told in words and in numbers', () => {
    const error = doesNotFit('Big', 'the GPU', { weights: 'q4', maxContext: 131_072, slots: 1 }, need, null);
    expect(error).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: '“Big” needs 1.9 GB of memory, which the GPU does not give.',
      context: { smallerContext: 65_536, smallerSlots: 1, smallerWeights: 'q4' },
    });
    expect(error.fix).toContain('a context of 65,536 tokens: that needs 1.1 GB');
    const hopeless = doesNotFit('Big', 'the GPU', { weights: 'q4', maxContext: 512, slots: 1 }, need, 'f32');
    expect(hopeless.fix).toContain('smaller model');
    expect(hopeless.context).not.toHaveProperty('smallerContext');
  });
});
