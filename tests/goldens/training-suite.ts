/** What training must do, whatever backend it runs on: the gradients, losses and parameters of the goldens. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend, Tensor } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import { parseModelConfig } from '../../src/lm/config';
import type { LoraAdapter } from '../../src/lm/lora/adapter';
import { readPeftAdapter } from '../../src/lm/lora/read-peft';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { loadWeights } from '../../src/lm/weights';
import { slotsOf, weightTable } from '../../src/lm/weights-table';
import { packBatch, type PackedBatch } from '../../src/train/graph/batch';
import { AdapterParameters, readParameters, WeightParameters, type Parameter } from '../../src/train/graph/parameters';
import { PolicyModel, targetsOf } from '../../src/train/graph/policy-model';
import { makeValueHead, ValueModel } from '../../src/train/graph/value-model';
import { TrainingTrunk } from '../../src/train/graph/trunk';
import { AdamW } from '../../src/train/optimiser';
import { actorLoss } from '../../src/train/ppo/actor-loss';
import { lossWeights } from '../../src/train/ppo/aggregate';
import { valueLoss } from '../../src/train/ppo/value-loss';
import { maxError, readGoldenPpo, readNumbers, type GoldenPpo } from './ppo-golden';
import { goldensFolder, readJson } from './read-tensors';

/** Relative to the largest value of the tensor, for gradients before the first update. */
const GRADIENT_TOLERANCE = 1e-3;
const LOSS_TOLERANCE = 1e-4;

const fileSource = async (...path: string[]): Promise<ReturnType<typeof bytesSource>> =>
  bytesSource(path.join('/'), await readFile(join(goldensFolder, ...path)));

/** A trunk over a golden model, and everything that goes with it. */
export async function openTrunk(
  backend: Backend,
  folder: string,
  sizes: { rows: number; sequences: number; capacity: number; headRows: number },
): Promise<{ trunk: TrainingTrunk; dispose: () => void }> {
  const config = parseModelConfig(await readJson(folder, 'config.json'));
  const checkpoint = await openSafetensorsCheckpoint([await fileSource(folder, 'model.safetensors')]);
  const owned: Tensor[] = [];
  const allocate: Backend['tensor'] = (label, shape, dtype) => {
    const tensor = backend.tensor(label, shape, dtype);
    owned.push(tensor);
    return tensor;
  };
  const weights = await loadWeights(backend, allocate, config, checkpoint, {});
  const trunk = new TrainingTrunk(backend, config, weights, sizes);
  const dispose = (): void => {
    trunk.dispose();
    for (const tensor of owned) tensor.dispose();
  };
  return { trunk, dispose };
}

async function readAdapter(trunk: TrainingTrunk, ...path: string[]): Promise<LoraAdapter> {
  return readPeftAdapter({
    config: await readJson(...path, 'adapter_config.json'),
    source: await fileSource(...path, 'adapter_model.safetensors'),
    model: trunk.config,
  });
}

type Golden = (name: string) => Float64Array;

/** Largest error of a tensor relative to its largest value. */
function relativeError(got: ArrayLike<number>, want: Float64Array): number {
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return maxError(got, want) / largest;
}

async function expectGradients(
  backend: Backend,
  parameters: readonly Parameter[],
  want: Golden,
  tolerance = GRADIENT_TOLERANCE,
): Promise<void> {
  const gradients = await readParameters(backend, parameters, 'gradient');
  parameters.forEach(({ name }, i) => {
    expect(relativeError(gradients[i]!, want(name)), name).toBeLessThan(tolerance);
  });
}

const adamWOf = (
  { trunk }: { trunk: TrainingTrunk },
  parameters: readonly Parameter[],
  { hyper_parameters: h }: GoldenPpo,
): AdamW =>
  new AdamW(trunk.backend, trunk.train, parameters, {
    ...{ beta1: h.beta1, beta2: h.beta2, epsilon: h.eps, weightDecay: h.weight_decay },
    gradientClip: h.grad_clip,
  });

async function goldenSft(ids: string): Promise<{ batch: PackedBatch; labels: Float64Array; columns: number }> {
  const columns = 32;
  const read = await readNumbers('sft', 'batch.safetensors');
  return { batch: packBatch(read(ids), read('attention_mask'), columns), labels: read('labels'), columns };
}

/** Cross-entropy over the labelled tokens; the weights of the mean are its slopes. */
async function trainSft(model: PolicyModel, ids: string): Promise<number> {
  const { batch, labels, columns } = await goldenSft(ids);
  const targets = targetsOf(batch, (row, t) => labels[row * columns + t + 1] !== -100);
  const slope = -1 / targets.rows.length;
  const { logProbs } = await model.accumulate(batch, targets, () => ({
    logProbs: new Float32Array(targets.rows.length).fill(slope),
  }));
  return logProbs.reduce((sum, value) => sum + slope * value, 0);
}

export interface TrainingSuiteOptions {
  /** PPO cases, and how many updates of each are made. */
  cases: readonly (readonly [name: string, updates: number])[];
  /** The folder with gradients and parameters, seen from here; by default this one, which has them in part. */
  folder?: string;
}

export function describeTraining(makeBackend: () => Promise<Backend>, { cases, folder: from = '.' }: TrainingSuiteOptions): void {
  let backend: Backend;
  beforeAll(async () => {
    backend = await makeBackend();
  });
  afterAll(() => {
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  describe('cross-entropy', () => {
    const sizes = { rows: 96, sequences: 3, capacity: 32, headRows: 24 };
    const losses = async (): Promise<Record<string, { loss: number; grad_norm: number }>> =>
      (await readJson('sft', 'scalars.json')) as Record<string, { loss: number; grad_norm: number }>;

    it('of an adapter has the loss and the gradients of the reference', async () => {
      const { trunk, dispose } = await openTrunk(backend, 'qwen2-tiny', sizes);
      const adapter = new AdapterParameters(backend, trunk.config, await readAdapter(trunk, 'lora'));
      const model = new PolicyModel(trunk, { adapter });
      await backend.ready();
      const loss = await trainSft(model, 'input_ids');
      expect(Math.abs(loss - (await losses())['lora']!.loss)).toBeLessThan(LOSS_TOLERANCE);
      await expectGradients(backend, adapter.parameters, await readNumbers('sft', 'grads_lora.safetensors'));
      adapter.dispose();
      dispose();
    });

    it.each([
      ['tied', 'qwen2-tiny', 'full', 'input_ids'],
      ['untied', 'qwen2-tiny-untied', 'full_untied', 'input_ids_untied'],
    ])('of all weights, %s, has the loss and the gradients of the reference', async (_, folder, run, ids) => {
      const { trunk, dispose } = await openTrunk(backend, folder, sizes);
      const weights = new WeightParameters(backend, trunk.weights);
      const model = new PolicyModel(trunk, { weights });
      const optimiser = new AdamW(backend, trunk.train, weights.parameters, {
        ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, gradientClip: 1 },
      });
      await backend.ready();
      const want = (await losses())[run]!;
      expect(Math.abs((await trainSft(model, ids)) - want.loss)).toBeLessThan(LOSS_TOLERANCE);
      expect((await optimiser.gradientNorm()) / want.grad_norm).toBeCloseTo(1, 3);
      const golden = await readNumbers(from, 'sft', `grads_${run}.safetensors`);
      const got = await readParameters(backend, weights.parameters, 'gradient');
      let compared = 0;
      slotsOf(weightTable(trunk.config)).forEach(({ label, sources }) => {
        const gradient = got[weights.parameters.findIndex(({ name }) => name === label)]!;
        let from = 0;
        for (const { name, shape } of sources) {
          const size = shape.reduce((product, n) => product * n, 1);
          const part = gradient.subarray(from, from + size);
          from += size;
          let expected: Float64Array;
          try {
            expected = golden(name);
          } catch {
            continue; // The tied model's gradients are there in part only.
          }
          compared += 1;
          expect(relativeError(part, expected), name).toBeLessThan(GRADIENT_TOLERANCE);
        }
      });
      expect(compared).toBeGreaterThan(11);
      optimiser.dispose();
      weights.dispose();
      dispose();
    });
  });

  describe.each(cases)('policy optimisation, %s, %i updates', (name, updates) => {
    it('has the losses, gradients and parameters of the reference', async () => {
      const golden = await readGoldenPpo();
      const settings = golden.cases[name]!;
      const { hyper_parameters: hyper, prompt_len: prompt, response_len: length } = golden;
      const inputs = await readNumbers('ppo', 'inputs.safetensors');
      const rollout = await readNumbers('ppo', name, 'rollout.safetensors');
      const columns = prompt + length;
      const batch = packBatch(inputs('input_ids'), inputs('attention_mask'), columns);
      const sizes = { rows: batch.rows, sequences: 4, capacity: batch.longest, headRows: 40 };
      const opened = await openTrunk(backend, 'qwen2-tiny', sizes);
      const { trunk, dispose } = opened;
      const actor = new AdapterParameters(backend, trunk.config, await readAdapter(trunk, 'ppo', 'actor'));
      const critic = new AdapterParameters(backend, trunk.config, await readAdapter(trunk, 'ppo', 'critic'));
      const head = await readNumbers('ppo', 'critic', 'value_head.safetensors');
      const score = makeValueHead(trunk, {
        weight: Float32Array.from(head('score.weight')),
        bias: Float32Array.from(head('score.bias')),
      });
      const policy = new PolicyModel(trunk, { adapter: actor }, settings.temperature);
      const values = new ValueModel(trunk, { adapter: critic }, score);
      const reference = new PolicyModel(trunk, {}, settings.temperature);
      const criticParameters = [...critic.parameters, score.weight, score.bias];
      const actorOptimiser = adamWOf(opened, actor.parameters, golden);
      const criticOptimiser = adamWOf(opened, criticParameters, golden);
      await backend.ready();

      // Response token t is what follows column P + t − 1; `[4, response]` grids and the rows of a step.
      const responseMask = inputs('response_attention_mask');
      const targets = targetsOf(batch, (row, t) => t >= prompt - 1 && responseMask[row * length + t + 1 - prompt] === 1);
      const cellOf = (place: number): number =>
        Math.floor(place / columns) * length + (place % columns) + 1 - prompt;
      const grid = (outputs: ArrayLike<number>): Float64Array => {
        const all = new Float64Array(4 * length);
        targets.places.forEach((place, i) => (all[cellOf(place)] = outputs[i]!));
        return all;
      };
      const valueMask = rollout('value_mask');
      const cells: number[] = [];
      const stateRows: number[] = [];
      valueMask.forEach((m, cell) => {
        const row = batch.rowOf[Math.floor(cell / length) * columns + prompt - 1 + (cell % length)]!;
        if (m === 0) return;
        cells.push(cell);
        stateRows.push(row);
      });
      const base = await reference.evaluate(batch, targets);
      expect(maxError(grid(base.logProbs), rollout('ref_log_probs'))).toBeLessThan(LOSS_TOLERANCE);

      const mask = inputs('response_mask');
      const weights = lossWeights(mask, length);
      const valueWeights = lossWeights(valueMask, length);
      let compared = 0;
      for (const step of settings.steps.slice(0, updates)) {
        const tolerance = step.step === 1 ? LOSS_TOLERANCE : 1e-3;
        const normDigits = step.step === 1 ? 3 : 2;
        const isSaved = golden.save_steps.includes(step.step);
        await actorOptimiser.clearGradients();
        await criticOptimiser.clearGradients();
        await policy.accumulate(batch, targets, ({ logProbs, entropies }) => {
          const loss = actorLoss({
            ...{ logProbs: grid(logProbs), entropies: grid(entropies), mask, weights },
            ...{ oldLogProbs: rollout('old_log_probs'), advantages: rollout('advantages') },
            ...{ clipLow: hyper.clip, clipHigh: hyper.clip, entropyCoefficient: hyper.entropy_coeff },
          });
          expect(Math.abs(loss.loss - step.actor_loss), `actor, update ${step.step}`).toBeLessThan(tolerance);
          expect(loss.policy.clipFraction).toBeCloseTo(step.clipfrac, 6);
          expect(Math.abs(loss.policy.approximateKl - step.approx_kl)).toBeLessThan(tolerance);
          const at = (gradient: Float64Array): number[] => targets.places.map((place) => gradient[cellOf(place)]!);
          return { logProbs: at(loss.logProbGradient), entropies: at(loss.entropyGradient) };
        });
        await values.accumulate(batch, Uint32Array.from(stateRows), (outputs) => {
          const all = new Float64Array(4 * length);
          cells.forEach((cell, i) => (all[cell] = outputs[i]!));
          const loss = valueLoss({
            ...{ values: all, oldValues: rollout('old_values'), returns: rollout('returns') },
            ...{ mask: valueMask, weights: valueWeights, clip: hyper.value_clip },
          });
          expect(Math.abs(loss.loss - step.value_loss), `critic, update ${step.step}`).toBeLessThan(tolerance);
          expect(loss.clipFraction).toBeCloseTo(step.value_clipfrac, 6);
          return cells.map((cell) => loss.gradient[cell]!);
        });
        for (const [who, parameters] of [
          ['actor', actor.parameters],
          ['critic', criticParameters],
        ] as const) {
          const want = await goldenFile(from, name, `${who}_grads_step${step.step}`, isSaved);
          if (!want) continue;
          compared += 1;
          await expectGradients(backend, parameters, want, step.step === 1 ? 1e-3 : 1e-2);
        }
        const report = await actorOptimiser.step(hyper.lr_actor);
        expect(report.gradientNorm / step.actor_grad_norm).toBeCloseTo(1, normDigits);
        const criticReport = await criticOptimiser.step(hyper.lr_critic);
        expect(criticReport.gradientNorm / step.critic_grad_norm).toBeCloseTo(1, normDigits);
        for (const [who, parameters, rate] of [
          ['actor', actor.parameters, hyper.lr_actor],
          ['critic', criticParameters, hyper.lr_critic],
        ] as const) {
          const want = await goldenFile(from, name, `${who}_after${step.step}`, isSaved);
          if (want) expectParameters(await readParameters(backend, parameters, 'value'), parameters, want, rate, step.step);
        }
      }
      expect(compared).toBeGreaterThan(0);
      for (const item of [actorOptimiser, criticOptimiser, actor, critic]) item.dispose();
      dispose();
    });
  });
}

/** A file of a case; undefined where it is not kept beside this one. In a complete folder every saved step must be there. */
async function goldenFile(
  folder: string,
  name: string,
  file: string,
  isSaved: boolean,
): Promise<Golden | undefined> {
  if (folder !== '.') return isSaved ? readNumbers(folder, 'ppo', name, `${file}.safetensors`) : undefined;
  const isHere = await access(join(goldensFolder, 'ppo', name, `${file}.safetensors`)).then(
    () => true,
    () => false,
  );
  return isHere ? readNumbers('ppo', name, `${file}.safetensors`) : undefined;
}

/** At least 99 % within lr/20, RMS error at most lr/10, none above 2·lr·k: AdamW turns noise near 0 into whole steps. */
function expectParameters(
  got: readonly Float32Array[],
  parameters: readonly Parameter[],
  want: Golden,
  rate: number,
  updates: number,
): void {
  const errors = got.flatMap((values, i) => {
    const expected = want(parameters[i]!.name);
    return Array.from(values, (value, at) => Math.abs(value - expected[at]!));
  });
  const near = errors.filter((error) => error <= rate / 20).length;
  expect(near / errors.length).toBeGreaterThanOrEqual(0.99);
  const squares = errors.reduce((sum, error) => sum + error ** 2, 0);
  expect(Math.sqrt(squares / errors.length)).toBeLessThanOrEqual(rate / 10);
  expect(errors.reduce((most, error) => Math.max(most, error), 0)).toBeLessThanOrEqual(2 * rate * updates);
}
