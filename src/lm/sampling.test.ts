import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson, readTensors } from '../../tests/goldens/read-tensors';
import { argMax, drawByInverseCdf, filteredDistribution, logSumExp, Sampler } from './sampling';

interface Settings {
  settings: { name: string; temperature: number; top_p: number; top_k: number }[];
}

const { settings } = (await readJson('sampling', 'settings.json')) as Settings;
const tensor = await readTensors('sampling', 'sampling.safetensors');
const logits = tensor('logits');
const [rowCount = 0, vocabulary = 0] = logits.shape;
const row = (name: string, index: number) =>
  tensor(name).data.subarray(index * vocabulary, (index + 1) * vocabulary);
const logitsOf = (index: number) => row('logits', index) as Float32Array;
const rows = Array.from({ length: rowCount }, (_, i) => i);

const optionsOf = ({ temperature, top_p, top_k }: Settings['settings'][number]) => ({
  temperature,
  ...{ topP: top_p, topK: top_k },
});

describe.each(settings)('$name: temperature $temperature, top-p $top_p, top-k $top_k', (setting) => {
  it.each(rows)('keeps exactly the reference’s tokens of row %i, with their probabilities', (index) => {
    const { ids, probabilities } = filteredDistribution(logitsOf(index), optionsOf(setting));
    const keep = row(`${setting.name}.keep`, index);
    const want = row(`${setting.name}.probs`, index);
    const dense = new Float64Array(vocabulary);
    ids.forEach((id, i) => (dense[id] = probabilities[i]!));
    for (let id = 0; id < vocabulary; id += 1) {
      expect(Math.abs(dense[id]! - want[id]!)).toBeLessThan(1e-6);
      // A token kept with a probability below the smallest float cannot be drawn, so it need not be listed.
      if (want[id]! > 0) expect(dense[id]! > 0).toBe(keep[id] === 1);
      if (keep[id] === 0) expect(dense[id]).toBe(0);
    }
  });

  it('draws the reference’s tokens from its uniforms', () => {
    const uniforms = tensor('cdf_uniform');
    const want = tensor(`${setting.name}.cdf_token`).data;
    const margin = tensor(`${setting.name}.cdf_margin`).data;
    let compared = 0;
    for (let i = 0; i < uniforms.data.length; i += 1) {
      if (!(margin[i]! > 1e-5)) continue;
      const distribution = filteredDistribution(logitsOf(i % rowCount), optionsOf(setting));
      expect(drawByInverseCdf(distribution, uniforms.data[i]!)).toBe(want[i]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(uniforms.data.length / 2);
  });
});

it('takes the lowest index of exact ties', () => {
  const ties = tensor('tie_logits');
  const want = tensor('tie_argmax').data;
  const [count = 0, width = 0] = ties.shape;
  for (let i = 0; i < count; i += 1) {
    const tied = ties.data.subarray(i * width, (i + 1) * width) as Float32Array;
    expect(argMax(tied)).toBe(want[i]);
    expect(filteredDistribution(tied, { temperature: 0 }).ids).toEqual(Int32Array.of(want[i]!));
  }
});

it('finds the arg-max of every golden row', () => {
  const want = tensor('argmax').data;
  for (const index of rows) expect(argMax(logitsOf(index))).toBe(want[index]);
});

describe('Sampler', () => {
  it('draws as often as the distribution says (chi-square)', () => {
    const draws = 20_000;
    for (const setting of settings.filter(({ temperature }) => temperature > 0).slice(0, 4)) {
      const index = 0;
      const probs = row(`${setting.name}.probs`, index);
      const sampler = new Sampler({ ...optionsOf(setting), seed: 7 + index });
      const counts = new Float64Array(vocabulary);
      for (let i = 0; i < draws; i += 1) counts[sampler.sample(logitsOf(index)).id]! += 1;
      let statistic = 0;
      let cells = 0;
      let pooledCount = 0;
      let pooledExpected = 0;
      for (let id = 0; id < vocabulary; id += 1) {
        const expected = draws * probs[id]!;
        if (expected === 0) expect(counts[id]).toBe(0);
        if (expected < 5) {
          pooledCount += counts[id]!;
          pooledExpected += expected;
        } else {
          statistic += (counts[id]! - expected) ** 2 / expected;
          cells += 1;
        }
      }
      if (pooledExpected >= 5) {
        statistic += (pooledCount - pooledExpected) ** 2 / pooledExpected;
        cells += 1;
      }
      // Normal approximation of the chi-square distribution; 5 sigma.
      const freedom = Math.max(1, cells - 1);
      expect((statistic - freedom) / Math.sqrt(2 * freedom)).toBeLessThan(5);
    }
  }, 120_000);

  it('gives the log-probability of the unfiltered softmax at the temperature', () => {
    const temperature = 0.6;
    const sampler = new Sampler({ temperature, topP: 0.5, topK: 10, seed: 1 });
    for (const index of rows) {
      const { id, logprob } = sampler.sample(logitsOf(index));
      const scaled = logitsOf(index).map((logit) => logit / temperature);
      expect(logprob).toBeCloseTo(scaled[id]! - logSumExp(scaled), 4);
    }
  });

  it('repeats itself with the same seed and not with another', () => {
    const draw = (seed: number) => {
      const sampler = new Sampler({ temperature: 1, seed });
      return Array.from({ length: 30 }, () => sampler.sample(logitsOf(0)).id);
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
    expect(draw(5)).not.toEqual(draw(5 + 2 ** 32));
  });

  it('always draws a token of the vocabulary, whatever the settings', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 1, maxLength: 50, noNaN: true, noDefaultInfinity: true }),
        fc.record({
          temperature: fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 10, noNaN: true })),
          topP: fc.double({ min: 0.001, max: 1, noNaN: true }),
          topK: fc.nat(60),
          seed: fc.nat(),
        }),
        (values, options) => {
          const { id } = new Sampler(options).sample(values);
          expect(id).toBeGreaterThanOrEqual(0);
          expect(id).toBeLessThan(values.length);
        },
      ),
    );
  });

  it.each([
    { temperature: -1 },
    { temperature: NaN },
    { temperature: 1, topP: 0 },
    { temperature: 1, topK: 1.5 },
  ])('refuses %j', (options) => {
    expect(() => new Sampler(options)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }) as Error);
  });
});
