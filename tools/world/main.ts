/**
 *   tsx tools/world/main.ts --out public/demo
 *   tsx tools/world/main.ts --world --split train --seed S --passages N --questions M
 *
 * The first writes the files of the embedded demo; the second prints one world as one line of JSON (with `--count K`, K
 * worlds, the seeds S/0 … S/K−1).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError, toEnvelope } from '../../src/protocol/errors';
import { demoFiles } from './demo';
import { generateWorld } from './generate';
import type { Split } from './types';

const USAGE =
  'Use --out DIR, or --world [--split train|dev|test] [--seed S] [--passages N] [--questions M] [--count K] [--jsonl].';

function main(): void {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      world: { type: 'boolean', default: false },
      split: { type: 'string', default: 'train' },
      seed: { type: 'string', default: '0' },
      passages: { type: 'string', default: '200' },
      questions: { type: 'string', default: '200' },
      count: { type: 'string' },
      // One world a line is the only form; the flag says so aloud.
      jsonl: { type: 'boolean', default: true },
    },
  });
  if (values.world) {
    const options = {
      split: toSplit(values.split),
      passages: Number(values.passages),
      questions: Number(values.questions),
    };
    const { seed, count } = values;
    const seeds =
      count === undefined ? [seed] : Array.from({ length: Number(count) }, (_, i) => `${seed}/${i}`);
    for (const one of seeds)
      process.stdout.write(`${JSON.stringify(generateWorld({ seed: one, ...options }))}\n`);
  } else if (values.out !== undefined) {
    mkdirSync(values.out, { recursive: true });
    for (const [name, text] of demoFiles()) writeFileSync(join(values.out, name), text);
  } else {
    throw new AppError('BAD_INPUT', 'Nothing to do.', { fix: USAGE });
  }
}

function toSplit(text: string): Split {
  if (text === 'train' || text === 'dev' || text === 'test') return text;
  throw new AppError('BAD_INPUT', `There is no split "${text}".`, { fix: USAGE });
}

try {
  main();
} catch (error) {
  const { message, fix } = toEnvelope(error);
  process.stderr.write(`${message} ${error instanceof AppError ? fix : USAGE}\n`);
  process.exitCode = 2;
}
