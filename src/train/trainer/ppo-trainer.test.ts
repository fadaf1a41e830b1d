import { afterEach, describe, expect, it } from 'vitest';
import { maxError } from '../../../tests/goldens/ppo-golden';
import { madeRollouts, openToy, toyRun } from '../../../tests/training/toy-model';
import { CpuBackend } from '../../gpu/cpu/backend';
import type { PpoConfig } from '../ppo/config';
import { PRESETS } from '../ppo/presets';
import type { Rollout, RunConfig, TrainerState } from '../records';
import type { OpenTrainingModelOptions, TrainingModel } from './open-training-model';

const backend = new CpuBackend();
let open: TrainingModel[] = [];

async function toy(
  ppo: Partial<PpoConfig> = {},
  run: Partial<RunConfig> = {},
  options: Partial<OpenTrainingModelOptions> = {},
): Promise<TrainingModel> {
  const model = await openToy(backend, toyRun(ppo, run), options);
  open.push(model);
  return model;
}

afterEach(() => {
  for (const model of open) model.dispose();
  open = [];
  expect(backend.liveBytes).toBe(0);
});

const { batch } = toyRun().ppo;
const valuesOf = (state: TrainerState): Map<string, Float32Array> =>
  new Map(state.tensors.map(({ name, values }) => [name, values]));

/** Largest difference over all tensors. */
function difference(a: TrainerState, b: TrainerState): number {
  const other = valuesOf(b);
  return Math.max(...a.tensors.map(({ name, values }) => maxError(values, other.get(name)!)));
}

it.each([
  ['an adapter and a critic of its own', {}],
  ['an adapter and the cheap critic', { criticRank: 0 }],
  ['the whole model', { trained: { kind: 'model' } }],
] as const)(
  'training %s has ratio 1, no KL and no clipping in the first mini-batch, exactly',
  async (_, run) => {
    const { trainer } = await toy({}, run);
    const { metrics, advantages, values } = await trainer.step(madeRollouts(8, 1));
    expect(metrics).toMatchObject({ ratioDeviation: 0, approximateKl: 0, clipFraction: 0, referenceKl: 0 });
    expect(metrics.policyGradientNorm).toBeGreaterThan(0);
    expect(metrics.valueGradientNorm).toBeGreaterThan(0);
    expect(advantages.map((row) => row.length)).toEqual(values.map((row) => row.length));
    // The critic has learned something, and the policy has moved.
    const second = (await trainer.step(madeRollouts(8, 1))).metrics;
    expect(second.valueLoss).toBeLessThan(metrics.valueLoss!);
    expect(second.referenceKl).not.toBe(0);
  },
);

it('computes the log-probabilities of later mini-batches before the first update', async () => {
  const { trainer } = await toy({ batch: { ...batch, miniBatch: 2, epochs: 2 } });
  const { metrics } = await trainer.step(madeRollouts(8, 2));
  expect(metrics.ratioDeviation).toBeGreaterThan(0);
  expect(metrics.ratioDeviation).toBeLessThan(0.5);
  expect((await trainer.read()).numbers).toMatchObject({ steps: 1, actorUpdates: 8, criticUpdates: 8 });
});

it('takes the sampler at its word where it is exact, and says how far the two are apart', async () => {
  const config = { batch: { ...batch, miniBatch: 4 } };
  const plain = madeRollouts(8, 3);
  const computed = await toy(config);
  await computed.trainer.step(plain);
  // What the engine gives for the same tokens.
  const told = await toy(config);
  const exact: Rollout[] = [];
  for (const rollout of plain) {
    const scores = await told.engine.scoreTokens(rollout.tokens, { adapter: 'policy' });
    const logProbs = Float32Array.from(rollout.tokens, (_, t) => (rollout.actions[t] ? scores[t - 1]! : 0));
    exact.push({ ...rollout, logProbs, exactLogProbs: true });
  }
  const { metrics } = await told.trainer.step(exact);
  expect(metrics.samplerDeviation).toBeLessThan(1e-5);
  expect(difference(await told.trainer.read(), await computed.trainer.read())).toBeLessThan(1e-4);
});

it('one pass of eight and eight passes of one are the same update', async () => {
  const together = await toy();
  const apart = await toy({}, {}, { maxTokens: 32, passTokens: 32 });
  const rollouts = madeRollouts(8, 4);
  const [a, b] = [await together.trainer.step(rollouts), await apart.trainer.step(rollouts)];
  expect(b.metrics.policyGradientNorm! / a.metrics.policyGradientNorm!).toBeCloseTo(1, 5);
  expect(b.metrics.valueGradientNorm! / a.metrics.valueGradientNorm!).toBeCloseTo(1, 5);
  expect(
    maxError(
      b.advantages.flatMap((row) => [...row]),
      a.advantages.flatMap((row) => [...row]),
    ),
  ).toBeLessThan(1e-5);
  // Adam turns a gradient of nearly nothing into a step of up to the learning rate.
  expect(difference(await apart.trainer.read(), await together.trainer.read())).toBeLessThan(1e-4);
});

it('a recipe’s micro-batches weigh the tokens, whatever lies in a pass', async () => {
  const config = {
    meanOver: 'micro-batch',
    batch: { ...batch, actorMicroBatch: 2, criticMicroBatch: 2 },
  } as const;
  const together = await toy(config);
  const apart = await toy(config, {}, { maxTokens: 32, passTokens: 32 });
  const overAll = await toy();
  const rollouts = madeRollouts(8, 4);
  const norms: number[] = [];
  for (const { trainer } of [together, apart, overAll]) {
    norms.push((await trainer.step(rollouts)).metrics.policyGradientNorm!);
  }
  expect(norms[1]! / norms[0]!).toBeCloseTo(1, 5);
  expect(norms[2]! / norms[0]!).not.toBeCloseTo(1, 3);
});

it.each([
  ['an adapter', {}],
  ['the whole model', { trained: { kind: 'model' }, criticRank: 0 }],
] as const)('training %s resumes exactly as if it had not stopped', async (_, run) => {
  const config = { batch: { ...batch, miniBatch: 4, shuffleMiniBatches: true } };
  const straight = await toy(config, run);
  await straight.trainer.step(madeRollouts(8, 5));
  const saved = await straight.trainer.read();
  const next = await straight.trainer.step(madeRollouts(8, 6));
  const resumed = await toy(config, run);
  await resumed.trainer.restore(structuredClone(saved));
  const again = await resumed.trainer.step(madeRollouts(8, 6));
  expect(again.metrics.policyLoss).toBe(next.metrics.policyLoss);
  expect(again.metrics.valueLoss).toBe(next.metrics.valueLoss);
  expect(again.advantages).toEqual(next.advantages);
  expect(await resumed.trainer.read()).toEqual(await straight.trainer.read());
});

it('refuses the state of another run and stays as it is', async () => {
  const { trainer } = await toy();
  const other = await toy({}, { trained: { kind: 'adapter', rank: 2, alpha: 4, modules: ['q_proj'] } });
  const before = await trainer.read();
  await expect(async () => trainer.restore(await other.trainer.read())).rejects.toMatchObject({
    code: 'BAD_INPUT',
  });
  expect(await trainer.read()).toEqual(before);
});

it('what is published is what was trained: the engine scores as the trainer does', async () => {
  const { engine, trainer } = await toy();
  const tokens = madeRollouts(1, 8)[0]!.tokens;
  const before = await engine.scoreTokens(tokens, { adapter: 'policy' });
  expect(before).toEqual(await engine.scoreTokens(tokens));
  await trainer.step(madeRollouts(8, 8));
  expect(await engine.scoreTokens(tokens, { adapter: 'policy' })).toEqual(before);
  const bytes = backend.liveBytes;
  await trainer.publish();
  expect(backend.liveBytes).toBe(bytes);
  expect(await engine.scoreTokens(tokens, { adapter: 'policy' })).not.toEqual(before);
  expect(await engine.scoreTokens(tokens)).toEqual(before);
  const { pairs } = await trainer.adapter();
  expect(pairs.some(({ up }) => up.some((value) => value !== 0))).toBe(true);
});

it('training the whole model changes the engine and not the generator', async () => {
  const { engine, generator, trainer, policyAdapter } = await toy(
    {},
    { trained: { kind: 'model' }, criticRank: 0 },
  );
  expect(policyAdapter).toBeUndefined();
  const tokens = madeRollouts(1, 8)[0]!.tokens;
  const before = await engine.scoreTokens(tokens);
  expect(await generator.scoreTokens(tokens)).toEqual(before);
  await trainer.step(madeRollouts(8, 8));
  await trainer.publish();
  expect(await engine.scoreTokens(tokens)).not.toEqual(before);
  expect(await generator.scoreTokens(tokens)).toEqual(before);
  const names = (await trainer.weights()).map(({ name }) => name);
  expect(names).toContain('model.layers.1.self_attn.k_proj.weight');
  await expect(async () => trainer.adapter()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

describe('what goes wrong', () => {
  const failed = { code: 'NETWORK', message: 'Gone.', fix: 'Wait.', recoverable: true } as const;

  it('rollouts that failed are left out and counted', async () => {
    const rollouts = madeRollouts(8, 9).map((r, i) => (i % 4 === 0 ? { ...r, failed } : r));
    const { trainer } = await toy();
    const { metrics, advantages } = await trainer.step(rollouts);
    expect(metrics.failedRollouts).toBe(2);
    expect(advantages[0]!.every((value) => value === 0)).toBe(true);
    expect(advantages[0]).toHaveLength(rollouts[0]!.tokens.length);
    const same = await toy();
    await same.trainer.step(rollouts.filter((r) => !('failed' in r)));
    expect(await trainer.read()).toEqual(await same.trainer.read());
    await expect(trainer.step(rollouts.map((r) => ({ ...r, failed })))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      fix: 'The first failed: Gone. Wait.',
    });
  });

  it('a step that is stopped in its second mini-batch has not happened', async () => {
    const { trainer } = await toy({ batch: { ...batch, miniBatch: 2 } });
    const before = structuredClone(await trainer.read());
    const stop = new AbortController();
    const step = trainer.step(madeRollouts(8, 10), {
      signal: stop.signal,
      onProgress: ({ phase, done }) => phase === 'actor' && done === 2 && stop.abort(),
    });
    await expect(trainer.step(madeRollouts(8, 10))).rejects.toMatchObject({ code: 'BUSY' });
    await expect(step).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await trainer.read()).toEqual(before);
    const [again, straight] = [
      await trainer.step(madeRollouts(8, 10)),
      await toy({ batch: { ...batch, miniBatch: 2 } }),
    ];
    expect(again.metrics.policyLoss).toBe(
      (await straight.trainer.step(madeRollouts(8, 10))).metrics.policyLoss,
    );
  });

  it('what is not a number stops the step, is named, and changes nothing', async () => {
    const { trainer } = await toy();
    const broken = structuredClone(await trainer.read());
    const tensor = broken.tensors.find(({ name }) => name.endsWith('layers.1.mlp.up_proj.lora_A.weight'))!;
    tensor.values[3] = NaN;
    await trainer.restore(broken);
    await expect(trainer.step(madeRollouts(8, 11))).rejects.toMatchObject({
      code: 'INTERNAL',
      context: { tensor: tensor.name },
    });
    expect(await trainer.read()).toEqual(broken);
    const rollouts = madeRollouts(8, 11);
    rollouts[2]!.reward.score = NaN;
    await expect(trainer.step(rollouts)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it('an episode longer than a pass is refused in words', async () => {
    const { trainer } = await toy({}, {}, { maxTokens: 12, passTokens: 12 });
    await expect(trainer.step(madeRollouts(8, 12))).rejects.toMatchObject({ code: 'CONTEXT_TOO_LONG' });
  });
});

it.each(Object.entries(PRESETS))('the recipe %s makes a step', async (_, preset) => {
  const { miniBatch, rolloutsPerPrompt } = preset.batch;
  const { trainer } = await toy({
    ...preset,
    lengths: toyRun().ppo.lengths,
    batch: { ...preset.batch, prompts: 4, miniBatch: Math.min(2, miniBatch) },
  });
  const { metrics } = await trainer.step(madeRollouts(8, 13, { group: rolloutsPerPrompt > 1 ? 4 : 1 }));
  expect(metrics.policyGradientNorm).toBeGreaterThan(0);
  expect(metrics.valueLoss === undefined).toBe(preset.critic === undefined);
});
