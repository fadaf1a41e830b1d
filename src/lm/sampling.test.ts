import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson, readTensors } from '../../tests/goldens/read-tensors';
import { argMax, filteredDistribution, logSumExp, Sampler } from './sampling';

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

  it('draws the reference’s tokens from its noise, by Gumbel-max', () => {
    const uniforms = tensor('uniform');
    const want = tensor(`${setting.name}.gumbel_token`).data;
    want.forEach((token, draw) => {
      const { ids, probabilities } = filteredDistribution(logitsOf(draw % rowCount), optionsOf(setting));
      const noisy = Float32Array.from(ids, (id, i) => {
        const u = uniforms.data[draw * vocabulary + id]!;
        return Math.log(probabilities[i]!) - Math.log(-Math.log(u));
      });
      expect(ids[argMax(noisy)]).toBe(token);
    });
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

/** Counts against probabilities, cells with fewer than five expected draws pooled; 5 sigma of the normal approximation. */
function expectChiSquare(counts: Float64Array, probabilities: ArrayLike<number>): void {
  const draws = counts.reduce((sum, count) => sum + count, 0);
  let statistic = 0;
  let cells = 0;
  let pooledCount = 0;
  let pooledExpected = 0;
  const cell = (count: number, expected: number): void => {
    statistic += (count - expected) ** 2 / expected;
    cells += 1;
  };
  counts.forEach((count, id) => {
    const expected = draws * (probabilities[id] ?? 0);
    if (expected === 0) expect(count).toBe(0);
    if (expected >= 5) {
      cell(count, expected);
      return;
    }
    pooledCount += count;
    pooledExpected += expected;
  });
  if (pooledExpected >= 5) cell(pooledCount, pooledExpected);
  const freedom = Math.max(1, cells - 1);
  expect((statistic - freedom) / Math.sqrt(2 * freedom)).toBeLessThan(5);
}

describe('min-p and the repetition penalty', () => {
  const logits = Float32Array.of(2, 1, 0, -1, 1);

  it('min-p keeps what is at least that share of the likeliest, after top-p', () => {
    const ids = (minP: number, topP = 1) => [
      ...filteredDistribution(logits, { temperature: 1, minP, topP }).ids,
    ];
    expect(ids(0)).toEqual([0, 1, 2, 3, 4]);
    expect(ids(Math.exp(-1) * 0.999)).toEqual([0, 1, 4]);
    expect(ids(Math.exp(-1) * 1.001)).toEqual([0]);
    expect(ids(Math.exp(-2) * 0.999, 0.3)).toEqual([0]);
    expect(ids(1)).toEqual([0]);
  });

  it('min-p sees the temperature', () => {
    expect([...filteredDistribution(logits, { temperature: 4, minP: 0.5 }).ids]).toEqual([0, 1, 2, 4]);
  });

  it('the penalty divides positive logits and multiplies negative ones, before the temperature', () => {
    const got = filteredDistribution(logits, { temperature: 0.5, repetitionPenalty: 2 }, [0, 3, 3]);
    const want = filteredDistribution(Float32Array.of(1, 1, 0, -2, 1), { temperature: 0.5 });
    expect(got).toEqual(want);
    expect(logits[0]).toBe(2);
  });

  it('the penalty counts the prompt and what was drawn', () => {
    const sampler = new Sampler({ temperature: 0, repetitionPenalty: 10 }, [0]);
    const drawn = [1, 2, 3].map(() => sampler.sample(logits).id);
    expect(drawn).toEqual([1, 4, 0]);
  });

  it('the log-probability is the model’s own', () => {
    const { id, logprob } = new Sampler({ temperature: 0.7, repetitionPenalty: 3, topK: 1 }, [0]).sample(
      logits,
    );
    expect(id).toBe(1);
    expect(logprob).toBeCloseTo(1 / 0.7 - logSumExp(logits, 0.7), 6);
  });

  it('equally likely tokens stay or go together', () => {
    const tied = Float32Array.of(1, 1, 1, 0);
    expect([...filteredDistribution(tied, { temperature: 1, topK: 1 }).ids]).toEqual([0, 1, 2]);
    expect([...filteredDistribution(tied, { temperature: 1, topP: 0.1 }).ids]).toEqual([0, 1, 2]);
  });
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
      expectChiSquare(counts, probs);
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
          temperature: fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 10, noNaN: true })),
          topP: fc.double({ min: 0.001, max: 1, noNaN: true }),
          topK: fc.nat(60),
          minP: fc.double({ min: 0, max: 1, noNaN: true }),
          repetitionPenalty: fc.double({ min: 0.1, max: 10, noNaN: true }),
          seed: fc.maxSafeInteger(),
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
    { temperature: 1, minP: -0.1 },
    { temperature: 1, repetitionPenalty: 0 },
    { temperature: 1, seed: 0.5 },
  ])('refuses %j', (options) => {
    expect(() => new Sampler(options)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }) as Error);
  });
});
