/** The CPU backend in WebAssembly against its plain twin and against the adapter: prefill, decode, and a training step. */
import type { Backend, Tensor } from '../../src/gpu/backend';
import { CpuBackend } from '../../src/gpu/cpu/backend';
import { Random } from '../../src/lm/random';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { loadWeights } from '../../src/lm/weights';
import { packSequences } from '../../src/train/graph/batch';
import { WeightParameters } from '../../src/train/graph/parameters';
import { PolicyModel, targetsOf } from '../../src/train/graph/policy-model';
import { TrainingTrunk } from '../../src/train/graph/trunk';
import { AdamW } from '../../src/train/optimiser';
import { digits, spread, summarise, table } from '../statistics';
import { openAdapter } from './adapter';
import type { BenchModel } from './model';
import { openOurs } from './ours';

const PROMPT = 512;
const DECODED = 32;
const TRAINED = 512;
/** Tokens at the end of the sequence that the loss is over. */
const LEARNED = 128;

interface Subject {
  name: string;
  measures: Record<string, () => Promise<number>>;
  dispose: () => Promise<void>;
}

const randomTokens = (model: BenchModel, count: number): number[] => {
  const random = new Random(count);
  return Array.from({ length: count }, () => Math.floor(random.uniform() * model.config.vocabSize));
};

/** A forward pass, and a whole update of all weights: both in tokens per second. */
async function openTraining(
  model: BenchModel,
  backend: Backend,
): Promise<{ evaluate: () => Promise<number>; update: () => Promise<number>; dispose: () => void }> {
  const checkpoint = await openSafetensorsCheckpoint([model.source]);
  const allocate = (...of: Parameters<Backend['tensor']>): Tensor => backend.tensor(...of);
  const weights = await loadWeights(backend, allocate, model.config, checkpoint, { weights: 'f32' });
  const sizes = { rows: TRAINED, sequences: 1, capacity: TRAINED, headRows: 128 };
  const trunk = new TrainingTrunk(backend, model.config, weights, sizes);
  const trained = new WeightParameters(backend, trunk.weights);
  const policy = new PolicyModel(trunk, { weights: trained });
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, gradientClip: 1 };
  const optimiser = new AdamW(backend, trunk.train, trained.parameters, options);
  await backend.ready();
  const batch = packSequences([randomTokens(model, TRAINED)]);
  const targets = targetsOf(batch, (_, column) => column >= TRAINED - LEARNED);
  const timed = async (run: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await run();
    return (1000 * TRAINED) / (performance.now() - started);
  };
  return {
    evaluate: () => timed(() => policy.evaluate(batch, targets)),
    update: () =>
      timed(async () => {
        await optimiser.clearGradients();
        await policy.accumulate(batch, targets, () => ({ logProbs: targets.rows.map(() => 1) }));
        await optimiser.step(1e-6);
      }),
    dispose: () => {
      backend.dispose();
    },
  };
}

async function openSubject(name: string, model: BenchModel, open: () => Promise<Backend>): Promise<Subject> {
  const engine = await openOurs(model, await open(), PROMPT + DECODED + 1);
  const training = await openTraining(model, await open());
  const prompt = randomTokens(model, PROMPT);
  return {
    name,
    measures: {
      [`prefill of ${PROMPT}`]: async () => (1000 * PROMPT) / (await engine.generate(prompt, 1)).prefillMs,
      [`decode after ${PROMPT}`]: async () =>
        (1000 * DECODED) / (await engine.generate(prompt, DECODED + 1)).decodeMs,
      [`training, forward pass over ${TRAINED}`]: training.evaluate,
      [`training, update of all weights from ${TRAINED}`]: training.update,
    },
    dispose: () => {
      training.dispose();
      return engine.dispose();
    },
  };
}

/** Prints tokens per second, and round by round how many times the plain loops' they are. */
export async function compareCpu(
  model: BenchModel,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const adapter = await openAdapter();
  const { name: adapterName } = adapter.description;
  adapter.dispose();
  const plain = (): Promise<Backend> => Promise.resolve(new CpuBackend({ kernels: 'plain' }));
  const subjects = [
    await openSubject('CPU, plain TypeScript', model, plain),
    await openSubject(new CpuBackend().description.name, model, () => Promise.resolve(new CpuBackend())),
    await openSubject(`WebGPU on ${adapterName}`, model, openAdapter),
  ];
  print(`\n### ${model.label}\n`);
  const rows: string[][] = [];
  for (const what of Object.keys(subjects[0]?.measures ?? {})) {
    const speeds = subjects.map((): number[] => []);
    // The first round is for compilers.
    for (let round = -1; round < rounds; round += 1) {
      for (const [i, { measures }] of subjects.entries()) {
        const speed = (await measures[what]?.()) ?? NaN;
        if (round >= 0) speeds[i]?.push(speed);
      }
    }
    for (const [i, { name }] of subjects.entries()) {
      const own = speeds[i] ?? [];
      const ratio = summarise(own.map((speed, round) => speed / (speeds[0]?.[round] ?? NaN)));
      rows.push([what, name, spread(summarise(own)), `${digits(ratio.median)}×`]);
    }
  }
  print(table(['what', 'backend', 'tokens/s: median (least–most)', '÷ plain'], rows));
  for (const subject of subjects) await subject.dispose();
}
