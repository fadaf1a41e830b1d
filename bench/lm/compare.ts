/** Times this project's engine and its peer on the same weights, prompts and adapter, turn by turn. */
import { CpuBackend } from '../../src/gpu/cpu/backend';
import { Random } from '../../src/lm/random';
import { spread, spreadRatio, summarise, table, type Summary } from '../statistics';
import { openAdapter } from './adapter';
import type { Contender } from './contender';
import { openJax } from './jax';
import type { BenchModel } from './model';
import { openOnnxRuntime, PEER_FORMS } from './onnx-runtime';
import { openOurs } from './ours';

export interface CompareOptions {
  rounds: number;
  /** Lengths of the prompts. */
  prompts: readonly number[];
  /** Tokens decoded after each prompt, the first one not counted. */
  decoded: number;
  print: (line: string) => void;
}

/** Largest difference of a logit at which two engines count as computing the same. */
const TOLERANCE = 1e-3;
const CHECK_PROMPT = 100;
const CHECK_DECODED = 4;

const randomTokens = (random: Random, count: number, vocabulary: number): number[] =>
  Array.from({ length: count }, () => Math.floor(random.uniform() * vocabulary));

/** Largest difference over a prompt and some forced tokens after it. */
async function difference(a: Contender, b: Contender, vocabulary: number): Promise<number> {
  const random = new Random(11);
  const prompt = randomTokens(random, CHECK_PROMPT, vocabulary);
  const forced = randomTokens(random, CHECK_DECODED, vocabulary);
  let largest = 0;
  const compare = (left: Float32Array, right: Float32Array): void => {
    if (left.length !== right.length) largest = Infinity;
    left.forEach((value, i) => {
      const distance = Math.abs(value - (right[i] ?? NaN));
      largest = Number.isNaN(distance) ? Infinity : Math.max(largest, distance);
    });
  };
  compare(await a.logits(prompt), await b.logits(prompt));
  for (const token of forced) compare(await a.appendLogits(token), await b.appendLogits(token));
  return largest;
}

interface Timing {
  contender: Contender;
  /** Tokens per second, one per round. */
  prefill: number[];
  decode: number[];
}

/** Opens everything, checks that the results agree, and prints a table with the ratios to the peer's best form. */
export async function compareEngines(model: BenchModel, options: CompareOptions): Promise<void> {
  const { print, prompts, decoded } = options;
  const backend = await openAdapter();
  const { vocabSize } = model.config;
  const capacity = Math.max(CHECK_PROMPT + CHECK_DECODED, ...prompts.map((length) => length + decoded + 1));
  print(`\n### ${model.label} on ${backend.description.name}\n`);
  const ours = await openOurs(model, backend, capacity);
  // Not on the adapter, so in no ratio; it is what a visitor gets whose only adapter is in software.
  const onCpu = await openOurs(model, new CpuBackend(), capacity);
  const contenders = [ours];
  const openers = [
    ...PEER_FORMS.map((form) => () => openOnnxRuntime(model, form, capacity)),
    () => openJax(model, capacity),
  ];
  for (const open of openers) {
    const peer = await open();
    const apart = await difference(ours, peer, vocabSize);
    const agrees = apart <= TOLERANCE;
    print(
      `- ${peer.name}: logits differ by at most ${apart.toExponential(1)}${agrees ? '' : ', so it is left out'}`,
    );
    if (agrees) contenders.push(peer);
    else await peer.dispose();
  }
  const rows: string[][] = [];
  for (const length of prompts) {
    const prompt = randomTokens(new Random(length), length, vocabSize);
    const timings = await timeAll([...contenders, onCpu], prompt, decoded, options.rounds);
    for (const [what, key] of [
      [`prefill of ${length}`, 'prefill'],
      [`decode after ${length}`, 'decode'],
    ] as const) {
      const mine = timings[0];
      if (!mine) continue;
      const best = timings
        .filter(({ contender }) => contender !== ours && contender !== onCpu)
        .sort((a, b) => summarise(b[key]).median - summarise(a[key]).median)[0];
      for (const timing of timings) {
        const ratio = timing === best ? ratios(mine[key], timing[key]) : undefined;
        rows.push([
          what,
          timing.contender.name,
          spread(summarise(timing[key])),
          ratio ? `**${spreadRatio(ratio)}**` : '',
        ]);
      }
    }
  }
  print(`\n${table(['what', 'engine', 'tokens/s: median (least–most)', 'ours ÷ best peer'], rows)}`);
  for (const contender of [...contenders, onCpu]) await contender.dispose();
}

/** Round by round, since load on the machine changes between rounds and hardly within one. */
const ratios = (mine: readonly number[], theirs: readonly number[]): Summary =>
  summarise(mine.map((value, round) => value / (theirs[round] ?? NaN)));

async function timeAll(
  contenders: readonly Contender[],
  prompt: readonly number[],
  decoded: number,
  rounds: number,
): Promise<Timing[]> {
  const timings: Timing[] = contenders.map((contender) => ({ contender, prefill: [], decode: [] }));
  // The first run of every shape compiles kernels and is not counted.
  for (const { contender } of timings) await contender.generate(prompt, 3);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < timings.length; turn += 1) {
      // Another one begins each round, so that no place in the order is anybody's.
      const timing = timings[(turn + round) % timings.length];
      if (!timing) continue;
      const { prefillMs, decodeMs } = await timing.contender.generate(prompt, decoded + 1);
      timing.prefill.push((1000 * prompt.length) / prefillMs);
      timing.decode.push((1000 * decoded) / decodeMs);
    }
  }
  return timings;
}
