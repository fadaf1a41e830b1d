/** Prints the tables of README.md. Arguments name the parts to run; none: all of them. */
import { cpus } from 'node:os';
import process from 'node:process';
import { compareEngines } from './lm/compare';
import { demoModel, randomModel } from './lm/model';
import { buildAndServe } from './page/built-page';
import { timeFirstAnswer, type BrowserForm, type FirstAnswer } from './page/first-answer';
import { spread, summarise, table } from './statistics';

const print = (line: string): void => console.log(line);

const parts: Record<string, () => Promise<void>> = {
  engine: async () => {
    print('\n## Language-model engine against ONNX Runtime (WebGPU)');
    for (const model of [
      await demoModel(new URL('../models/demo/', import.meta.url)),
      await randomModel(7),
    ]) {
      await compareEngines(model, { rounds: 5, prompts: [128, 768], decoded: 32, print });
    }
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
};

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
    if (names.length === 0 || names.includes(name)) await run();
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
