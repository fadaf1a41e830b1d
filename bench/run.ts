/** Prints the tables of README.md. Arguments name the parts to run; none: all but those of `onlyByName`. */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import process from 'node:process';
import { CpuBackend } from '../src/gpu/cpu/backend';
import { compareEngines } from './lm/compare';
import { compareCpu } from './lm/cpu';
import { openAdapter } from './lm/adapter';
import { compareVariants } from './lm/variants';
import { demoModel, quantisedModel, randomModel, trainingModel, type BenchModel } from './lm/model';
import { profileStep } from './lm/profile';
import { compareTrainers } from './training/compare';
import { compareMemory, planHalfBillion } from './training/memory';
import { compareRollouts } from './training/rollouts';
import { buildAndServe } from './page/built-page';
import { timeFirstAnswer, type BrowserForm, type FirstAnswer } from './page/first-answer';
import { compareWords } from './words/compare';
import { digits, spread, summarise, table } from './statistics';
import { compareFlat, compareHnsw, measureGrowth } from './vectors/compare';
import { compareInBrowser } from './vectors/in-browser';
import { compareWebGpu } from './vectors/webgpu';
import { compareLance } from './vectors/lancedb';

const print = (line: string): void => console.log(line);
const demoFolder = new URL('../models/demo/', import.meta.url);

const parts: Record<string, () => Promise<void>> = {
  engine: async () => {
    print('\n## Language-model engine against ONNX Runtime (WebGPU)');
    for (const model of [await demoModel(demoFolder), await randomModel(7)]) {
      await compareEngines(model, { rounds: 5, prompts: [128, 768], decoded: 32, print });
    }
  },
  quantised: async () => {
    print('\n## The same in 4 bits');
    await compareEngines(await quantisedModel(7), { rounds: 3, prompts: [512], decoded: 16, print });
  },
  variants: async () => {
    print('\n## The engine against itself');
    for (const model of [await demoModel(demoFolder), await quantisedModel(7)]) {
      await compareVariants(model, 3, print);
    }
  },
  cpu: async () => {
    print('\n## The CPU backend');
    await compareCpu(await demoModel(demoFolder), 3, print);
  },
  training: async () => {
    print('\n## Training');
    const model = await trainingModel(7);
    await compareTrainers(model, { rounds: 2, tokens: 512, rank: 16, print });
    for (const backend of [await openAdapter(), new CpuBackend()]) {
      await compareMemory(model, backend, 512, print);
      backend.dispose();
    }
    planHalfBillion(print);
  },
  rollouts: async () => {
    print('\n## Rollouts');
    const folders = { model: demoFolder, train: new URL('../public/demo/train/', import.meta.url) };
    for (const backend of [new CpuBackend(), await openAdapter()]) {
      await compareRollouts(backend, folders, 2, print);
      backend.dispose();
    }
  },
  words: async () => {
    print('\n## Search by words');
    const limits = { limitSeconds: 600, limitMB: 6000 };
    await compareWords({ data: process.env['S3_DATA'] ?? '../shared/data', questions: 50, ...limits, print });
  },
  vectors: async () => {
    print('\n## Vector search');
    await compareFlat(100_000, 15, print);
    await compareHnsw(20_000, 25, print);
    await compareLance(20_000, 4, print);
    const shape = { dimensions: 384, queries: 50, rounds: 40 };
    await compareInBrowser({ count: 10_000, limitMs: 300_000, ...shape }, print);
    await compareWebGpu([1_000, 10_000, 100_000, 1_000_000], 9, print);
    const plot = await measureGrowth([1_000, 10_000, 100_000, 300_000, 1_000_000], print);
    await writeFile(new URL('vectors/growth.svg', import.meta.url), plot);
  },
  'vectors-tab': async () => {
    print('\n## Vector search in a tab, 100,000 vectors: with hnswlib-wasm, over half an hour');
    const shape = { dimensions: 384, queries: 50, rounds: 40 };
    await compareInBrowser({ count: 100_000, limitMs: 3_600_000, ...shape }, print);
  },
  page: async () => {
    print('\n## The page');
    const page = await buildAndServe();
    try {
      print(`\n${page.bundleReport.split('\n')[0] ?? ''}`);
      await timePage(page.url, 3);
    } finally {
      await page.close();
    }
  },
  profile: async () => {
    print('\n## Where a step of the engine spends its time');
    for (const model of [await demoModel(demoFolder), await quantisedModel(7)]) {
      for (const [rows, position] of [[1, 768] as const, [64, 0] as const, [64, 704] as const]) {
        await printProfile(model, rows, position);
      }
    }
  },
};

/** Not part of a plain `npm run bench`: one looks inside, the other takes over half an hour. */
const onlyByName: ReadonlySet<string> = new Set(['profile', 'vectors-tab']);

async function printProfile(model: BenchModel, rows: number, position: number): Promise<void> {
  const backend = await openAdapter();
  const profile = await profileStep(backend, model, rows, position, 9);
  const title = rows === 1 ? 'one token' : `${rows} tokens of a prompt`;
  print(`\n### ${model.label}, ${title} after ${position}, on ${backend.description.name}\n`);
  print(
    `The step: ${digits(profile.stepMs)} ms; submitting and reading back alone: ${digits(profile.emptyMs)} ms.\n`,
  );
  const lines = profile.operations.map(({ name, count, ms }) => [
    name,
    String(count),
    ms.toFixed(3),
    (count * ms).toFixed(2),
  ]);
  print(table(['operation', 'in a step', 'ms each', 'ms together'], lines));
  backend.dispose();
}

async function timePage(url: string, rounds: number): Promise<void> {
  const forms: BrowserForm[] = ['WebGPU on SwiftShader', 'without WebGPU'];
  const runs = forms.map((form) => ({ form, answers: [] as FirstAnswer[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const { form, answers } of runs) answers.push(await timeFirstAnswer(url, form));
  }
  print(
    `Headless Chromium ${runs[0]?.answers[0]?.browser ?? ''}, a new browser each time; median (least–most).\n`,
  );
  const of = (answers: FirstAnswer[], pick: (answer: FirstAnswer) => number): string =>
    spread(summarise(answers.map(pick)));
  const measures: [string, (answer: FirstAnswer) => number][] = [
    ['JavaScript loaded before the question, KB gzip', (answer) => answer.scriptsKB],
    ['opening to first answer, nothing cached, s', (answer) => answer.coldMs / 1000],
    ['longest task of the page before the question, ms (0: none over 50)', (answer) => answer.startTaskMs],
    ['longest task while the first answer is found, ms', (answer) => answer.coldTaskMs],
    ['question to answer, models loaded, s', (answer) => answer.warmMs / 1000],
    ['longest task meanwhile, ms', (answer) => answer.warmTaskMs],
  ];
  const rows = measures.map(([what, pick]) => [what, ...runs.map(({ answers }) => of(answers, pick))]);
  print(table(['what', ...forms], rows));
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0)
    throw new Error(`No part ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`);
  print(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${process.platform}, ${cpus().length} CPUs`,
  );
  for (const [name, run] of Object.entries(parts)) {
    if ((names.length === 0 && !onlyByName.has(name)) || names.includes(name)) await run();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
// Dawn keeps threads of its own.
process.exit();
