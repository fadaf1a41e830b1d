/** Times an update of an adapter by this project's trainer and by jax-js, turn by turn, from the same weights. */
import { LORA_MODULES } from '../../src/lm/lora/modules';
import { Random } from '../../src/lm/random';
import { newAdapter } from '../../src/train/trainer/new-adapter';
import { openAdapter } from '../lm/adapter';
import type { BenchModel } from '../lm/model';
import { digits, spread, summarise, table } from '../statistics';
import { openJaxTrainer } from './jax';
import { openOurTrainer } from './ours';
import { compareProducts } from './products';
import type { Task } from './trainer';

export interface CompareTrainersOptions {
  rounds: number;
  tokens: number;
  rank: number;
  print: (line: string) => void;
}

/** Largest difference of a gradient, relative to the largest of its tensor, at which both count as computing the same. */
const TOLERANCE = 1e-3;

function taskFor({ config }: BenchModel, count: number, rank: number): Task {
  const random = new Random(9);
  const adapter = newAdapter(config, { rank, alpha: 2 * rank, modules: LORA_MODULES, seed: 3 });
  // B is zero in a new adapter, and A would have no gradient.
  for (const { up } of adapter.pairs) up.forEach((_, i) => (up[i] = (random.uniform() - 0.5) / 50));
  return {
    tokens: Array.from({ length: count }, () => Math.floor(random.uniform() * config.vocabSize)),
    outputGradient: Float32Array.from({ length: count * config.hiddenSize }, () => random.uniform() - 0.5),
    ...{ adapter, learningRate: 1e-4 },
  };
}

const difference = (mine: Float32Array, theirs: Float32Array): number => {
  let [largest, worst] = [0, 0];
  mine.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    const distance = Math.abs(value - (theirs[i] ?? NaN));
    worst = Number.isNaN(distance) ? Infinity : Math.max(worst, distance);
  });
  return worst / largest;
};

interface Spent {
  clockMs: number;
  /** Of all threads of this process, with a software adapter its own: what other programs of the machine do does not count. */
  processorMs: number;
}

async function time(step: () => Promise<void>): Promise<Spent> {
  const began = process.cpuUsage();
  const started = performance.now();
  await step();
  const clockMs = performance.now() - started;
  const { user, system } = process.cpuUsage(began);
  return { clockMs, processorMs: (user + system) / 1000 };
}

export async function compareTrainers(model: BenchModel, options: CompareTrainersOptions): Promise<void> {
  const { tokens, rank, rounds, print } = options;
  const backend = await openAdapter();
  print(`\n### ${model.label}, ${tokens} tokens, rank ${rank}, on ${backend.description.name}`);
  await compareProducts(backend, { rows: Math.min(tokens, 128), rounds: 5, print });
  const task = taskFor(model, tokens, rank);
  const ours = await openOurTrainer(model, backend, task);
  const jax = await openJaxTrainer(model, task);
  const [mine, theirs] = [await ours.gradients(), await jax.gradients()];
  const apart = Math.max(...mine.map((values, i) => difference(values, theirs[i] ?? new Float32Array(0))));
  print(`\nGradients differ by at most ${apart.toExponential(1)} of the largest of their tensor.`);
  if (apart > TOLERANCE) throw new Error('The trainers do not compute the same.');
  const times = { ours: [] as Spent[], jax: [] as Spent[] };
  for (let round = 0; round < rounds; round += 1) {
    times.ours.push(await time(() => ours.step()));
    times.jax.push(await time(() => jax.step()));
  }
  const columns = (of: readonly Spent[]): string[] => [
    spread(summarise(of.map(({ clockMs }) => (1000 * tokens) / clockMs))),
    spread(summarise(of.map(({ processorMs }) => processorMs))),
  ];
  const ratio = (kind: keyof Spent): string =>
    `**${spread(summarise(times.jax.map((one, round) => one[kind] / (times.ours[round]?.[kind] ?? NaN))))}**`;
  const rows = [
    [ours.name, ...columns(times.ours), ratio('clockMs'), ratio('processorMs')],
    [jax.name, ...columns(times.jax), '', ''],
  ];
  const header = [
    ...['forward, backward and AdamW', 'tokens/s: median (least–most)', 'processor ms a step'],
    ...['ours ÷ jax-js by the clock', 'by processor time'],
  ];
  print(`\n${table(header, rows)}`);
  print(`\nMemory of our step, weights included: ${digits(ours.liveBytes / 2 ** 20)} MiB.`);
  jax.dispose();
  ours.dispose();
}
