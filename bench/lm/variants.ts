/** Our engine against itself: sequences together, steps per submit, kernel variants. */
import type { Tuning } from '../../src/gpu/webgpu/tuning';
import { loadModel } from '../../src/lm/engine';
import { Random } from '../../src/lm/random';
import { spread, spreadRatio, summarise, table } from '../statistics';
import { openAdapter } from './adapter';
import type { BenchModel } from './model';

interface Variant {
  name: string;
  /** Sequences that decode together. */
  batch?: number;
  stepsPerSubmit?: number;
  tuning?: Partial<Tuning>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'one sequence, one step a submit', stepsPerSubmit: 1 },
  { name: 'one sequence, 4 steps a submit', stepsPerSubmit: 4 },
  { name: 'one sequence, 16 steps a submit', stepsPerSubmit: 16 },
  { name: '4 sequences, one step a submit', batch: 4, stepsPerSubmit: 1 },
  { name: '16 sequences, one step a submit', batch: 16, stepsPerSubmit: 1 },
  { name: 'one sequence, no loads handed around', stepsPerSubmit: 1, tuning: { broadcast: 0 } },
  { name: '16 sequences, no loads handed around', batch: 16, stepsPerSubmit: 1, tuning: { broadcast: 0 } },
];

const PROMPT = 48;
const DECODED = 24;

/** Counts tokens while all sequences decode: from when the last has begun until the first has finished. */
class CommonWindow {
  readonly #counts: number[];
  #begun = 0;
  #ended = 0;
  #tokens = 0;

  constructor(batch: number) {
    this.#counts = Array.from({ length: batch }, () => 0);
  }

  count(which: number): undefined {
    const count = (this.#counts[which] ?? 0) + 1;
    this.#counts[which] = count;
    if (this.#ended > 0) return;
    if (this.#begun > 0) this.#tokens += 1;
    else if (this.#counts.every((each) => each > 0)) this.#begun = performance.now();
    if (count === DECODED) this.#ended = performance.now();
  }

  get tokensPerSecond(): number {
    return (1000 * this.#tokens) / (this.#ended - this.#begun);
  }
}

interface Opened {
  variant: Variant;
  adapter: string;
  /** Of a round, tokens per second. */
  time: () => Promise<number>;
  dispose: () => void;
}

async function open(model: BenchModel, variant: Variant, prompts: readonly number[][]): Promise<Opened> {
  const { batch = 1, stepsPerSubmit, tuning } = variant;
  const backend = await openAdapter(tuning);
  const { json: config, source, weights } = model;
  const lm = await loadModel({
    ...{ backend, config, source, weights, slots: batch, maxContext: PROMPT + DECODED },
    ...(stepsPerSubmit !== undefined && { stepsPerSubmit }),
  });
  const time = async (): Promise<number> => {
    lm.resetCache();
    const window = new CommonWindow(batch);
    const generations = prompts.slice(0, batch).map((prompt, which) =>
      lm.generateTokens({
        tokens: prompt,
        maxNewTokens: DECODED,
        sampling: { temperature: 0 },
        onToken: () => window.count(which),
      }),
    );
    await Promise.all(generations);
    return window.tokensPerSecond;
  };
  const dispose = (): void => {
    lm.dispose();
    backend.dispose();
  };
  return { variant, adapter: backend.description.name, time, dispose };
}

/** Prints decode speeds, of all sequences together, and each variant's ratio to the first, round by round: they take turns. */
export async function compareVariants(
  model: BenchModel,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const random = new Random(3);
  const prompts = Array.from({ length: 16 }, () =>
    Array.from({ length: PROMPT }, () => Math.floor(random.uniform() * model.config.vocabSize)),
  );
  const all: Opened[] = [];
  for (const variant of VARIANTS) all.push(await open(model, variant, prompts));
  const speeds = all.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, { time }] of all.entries()) {
      const speed = await time();
      if (round >= 0) speeds[index]?.push(speed);
    }
  }
  print(`\n### ${model.label} on ${all[0]?.adapter ?? ''}\n`);
  const rows = all.map(({ variant }, i) => {
    const own = speeds[i] ?? [];
    const ratio = summarise(own.map((speed, round) => speed / (speeds[0]?.[round] ?? NaN)));
    return [variant.name, spread(summarise(own)), spreadRatio(ratio)];
  });
  print(table(['decode', 'tokens/s: median (least–most)', '÷ first line, round by round'], rows));
  for (const { dispose } of all) dispose();
}
