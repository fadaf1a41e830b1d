/** Prints the tables of README.md. Arguments name the parts to run; none: all of them. */
import { cpus } from 'node:os';
import process from 'node:process';
import { compareEngines } from './lm/compare';
import { demoModel, randomModel } from './lm/model';

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
};

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
