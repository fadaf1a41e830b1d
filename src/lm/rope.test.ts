import { describe, expect, it } from 'vitest';
import { parseModelConfig } from './config';
import { rotaryAngles, rotaryFrequencies, type Rope } from './rope';

/** A config with Qwen2.5-7B's heads (size 128, θ = 10⁶, 32,768 positions) and the given fields. */
const qwen = (fields: object): unknown => ({
  architectures: ['Qwen2ForCausalLM'],
  ...{ hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28, num_attention_heads: 28 },
  ...{ num_key_value_heads: 4, vocab_size: 152064, max_position_embeddings: 32768, rope_theta: 1e6 },
  ...fields,
});
const ropeOf = (fields: object): Rope => parseModelConfig(qwen(fields)).rope;

/** The wavelength of pair i without scaling, in positions: 2π·θ^(2i/d). */
const wavelength = (i: number, theta = 1e6, size = 128): number => 2 * Math.PI * theta ** ((2 * i) / size);
/** Frequencies as wavelengths, which the papers speak of. */
const wavelengths = (rope: Rope, size = 128, length = 4096): number[] =>
  Array.from(rotaryFrequencies(rope, size, length), (frequency) => (2 * Math.PI) / frequency);

const expectClose = (got: number | undefined, want: number): void => {
  expect((got ?? NaN) / want).toBeCloseTo(1, 12);
};

describe('rotary frequencies', () => {
  it('fall from 1 by θ^(−2/d) from pair to pair', () => {
    const frequencies = rotaryFrequencies(ropeOf({}), 128, 4096);
    expect(frequencies).toHaveLength(64);
    expect(frequencies[0]).toBe(1);
    expectClose(frequencies[32], 1e-3);
    expectClose(frequencies[63], 1e-6 * 1e6 ** (1 / 64));
  });

  it('are divided by the factor of a linear scaling (arXiv 2306.15595, eq. 4: position m becomes m/s)', () => {
    const scaled = wavelengths(ropeOf({ rope_scaling: { type: 'linear', factor: 4 } }));
    for (const i of [0, 17, 63]) expectClose(scaled[i], 4 * wavelength(i));
  });

  describe('under dynamic NTK', () => {
    const rope = ropeOf({ rope_scaling: { type: 'dynamic', factor: 2 } });

    it('are plain up to the original positions', () => {
      for (const length of [16, 32768]) {
        expect(rotaryFrequencies(rope, 128, length)).toEqual(rotaryFrequencies(ropeOf({}), 128, length));
      }
    });

    it('at s times the original length stretch the last pair by 2s − 1 and leave the first alone', () => {
      // θ' = θ·(2s − 1)^(d/(d−2)): the last pair, i = d/2 − 1, has the exponent (d−2)/d, so exactly 2s − 1 remains.
      const scaled = wavelengths(rope, 128, 3 * 32768);
      expectClose(scaled[63], 5 * wavelength(63));
      expectClose(scaled[0], 2 * Math.PI);
    });

    it('allow longer contexts than the default one', () => {
      const config = parseModelConfig(qwen({ rope_scaling: { type: 'dynamic', factor: 2 } }));
      expect(config).toMatchObject({ nativePositions: 32768, maxPositions: 65536 });
    });
  });

  describe('under YaRN, as the long contexts of Qwen2.5 use it', () => {
    const scaling = { type: 'yarn', factor: 4, original_max_position_embeddings: 32768 };
    const rope = ropeOf({ rope_scaling: scaling });
    const scaled = wavelengths(rope);

    // arXiv 2309.00071 §3.2: a pair turns r = L/λ times in the original context; the ramp reaches from β = 32 turns to α = 1.
    // Pairs of 32 turns and of one turn: i = 64·ln(32768/(32·2π))/ln(10⁶) = 23.595… and 64·ln(32768/2π)/ln(10⁶) = 39.650…,
    // which the released code rounds outwards to 23 and 40.
    it('stay where a pair turns more than 32 times in the original context', () => {
      expect(32768 / wavelength(23)).toBeGreaterThan(32);
      expect(32768 / wavelength(24)).toBeLessThan(32);
      for (const i of [0, 10, 23]) expectClose(scaled[i], wavelength(i));
    });

    it('are interpolated where it turns less than once', () => {
      expect(32768 / wavelength(39)).toBeGreaterThan(1);
      expect(32768 / wavelength(40)).toBeLessThan(1);
      for (const i of [40, 50, 63]) expectClose(scaled[i], 4 * wavelength(i));
    });

    it('are mixed in between, evenly in the index of the pair', () => {
      for (const i of [24, 30, 39]) {
        const interpolated = (i - 23) / 17;
        expectClose(scaled[i], wavelength(i) / (interpolated / 4 + 1 - interpolated));
      }
    });

    it('come with an attention factor on cosines and sines (§3.4: 0.1·ln(s) + 1)', () => {
      const angles = rotaryAngles(rope, 128, 2);
      expect(angles[0]).toBeCloseTo(1.1386294361119891, 6);
      expect(angles[128]).toBeCloseTo(1.1386294361119891 * Math.cos(1), 6);
      expect(angles[128 + 64]).toBeCloseTo(1.1386294361119891 * Math.sin(1), 6);
    });

    it('take an attention factor, other ramps and DeepSeek’s mscale from the config', () => {
      const factorOf = (fields: object): unknown => {
        const parsed = ropeOf({ rope_scaling: { ...scaling, ...fields } }).scaling;
        return parsed.type === 'yarn' ? parsed.attentionFactor : undefined;
      };
      expect(factorOf({ attention_factor: 1.5 })).toBe(1.5);
      expect(factorOf({ mscale: 0.707, mscale_all_dim: 0.707 })).toBe(1);
      expect(factorOf({ mscale: 2, mscale_all_dim: 1 })).toBeCloseTo(
        1.2772588722239782 / 1.1386294361119891,
        12,
      );
      // With 4 turns instead of 32 the ramp begins at ⌊64·ln(32768/8π)/ln(10⁶)⌋ = 33.
      const later = wavelengths(ropeOf({ rope_scaling: { ...scaling, beta_fast: 4 } }));
      expectClose(later[33], wavelength(33));
      expect(later[34]).toBeGreaterThan(wavelength(34) * 1.0001);
    });

    it('keep the ends of the ramp between pairs where the config says so', () => {
      const exact = wavelengths(ropeOf({ rope_scaling: { ...scaling, truncate: false } }));
      const pairOfTurns = (turns: number): number => 64 * (Math.log10(32768 / (2 * Math.PI * turns)) / 6);
      const [first, last] = [pairOfTurns(32), pairOfTurns(1)];
      expect(32768 / wavelength(first)).toBeCloseTo(32, 9);
      const interpolated = (30 - first) / (last - first);
      expectClose(exact[30], wavelength(30) / (interpolated / 4 + 1 - interpolated));
    });

    it('allow the extended context, whichever of the two lengths max_position_embeddings gives', () => {
      for (const max_position_embeddings of [32768, 131072]) {
        const config = parseModelConfig(qwen({ max_position_embeddings, rope_scaling: scaling }));
        expect(config).toMatchObject({ maxPositions: 131072, nativePositions: 131072, rope });
      }
    });
  });

  describe('of Llama 3.2', () => {
    const llama3 = {
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const fields = { rope_theta: 5e5, max_position_embeddings: 131072, head_dim: 64 };
    const rope = ropeOf({ ...fields, rope_scaling: { rope_type: 'llama3', ...llama3 } });
    const scaled = wavelengths(rope, 64);
    const plain = (i: number): number => wavelength(i, 5e5, 64);

    // Llama 3.1's reference code: wavelengths below 8192/4 stay, those above 8192/1 are stretched by the factor.
    it('keep wavelengths below a quarter of the original context', () => {
      expect(plain(14)).toBeLessThan(2048);
      for (const i of [0, 7, 14]) expectClose(scaled[i], plain(i));
    });

    it('stretch wavelengths above the original context', () => {
      expect(plain(18)).toBeGreaterThan(8192);
      for (const i of [18, 25, 31]) expectClose(scaled[i], 32 * plain(i));
    });

    it('pass from one to the other evenly in the number of turns', () => {
      for (const i of [15, 16, 17]) {
        const kept = (8192 / plain(i) - 1) / 3;
        expect(kept).toBeGreaterThan(0);
        expect(kept).toBeLessThan(1);
        expectClose(scaled[i], plain(i) / ((1 - kept) / 32 + kept));
      }
    });
  });

  it('are the same from the older and the newer spelling', () => {
    const yarn = { factor: 4, original_max_position_embeddings: 32768 };
    const older = ropeOf({ rope_scaling: { type: 'yarn', ...yarn } });
    const newer = { rope_type: 'yarn', rope_theta: 1e6, ...yarn };
    expect(ropeOf({ rope_theta: undefined, rope_parameters: newer })).toEqual(older);
    expect(ropeOf({ rope_scaling: { rope_type: 'yarn', ...yarn } })).toEqual(older);
  });
});
