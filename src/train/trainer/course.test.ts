/** The course of many steps on the CPU: the same as ever, and without a leak. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { goldensFolder } from '../../../tests/goldens/read-tensors';
import { madeRollouts, openToy, TOY, toyCheckpoint, toyRun } from '../../../tests/training/toy-model';
import { CpuBackend } from '../../gpu/cpu/backend';
import type { MetricName } from '../records';

const FILE = join(goldensFolder, 'training', 'course.json');
const STEPS = 50;
const COMPARED = [
  ...(['policyLoss', 'valueLoss', 'entropy', 'clipFraction', 'approximateKl', 'referenceKl'] as const),
  ...([
    'policyGradientNorm',
    'valueGradientNorm',
    'explainedVariance',
    'valueMean',
    'klCoefficient',
  ] as const),
] satisfies readonly MetricName[];

/** Every part of the recipe at work: mini-batches, epochs, KL with a controller, both clips, observations, failed rollouts. */
const recipe = (): Parameters<typeof toyRun>[0] => {
  const { batch, kl } = toyRun().ppo;
  return {
    batch: { ...batch, miniBatch: 3, epochs: 2, shuffleMiniBatches: true },
    kl: { ...kl, controller: { kind: 'adaptive', initial: 0.05, target: 0.02, horizon: 100 } },
    advantage: { kind: 'gae', gamma: 0.99, lambda: 0.95, observations: 'skip' },
  };
};

it(`${STEPS} steps on the CPU take the course that is written down`, async () => {
  const backend = new CpuBackend();
  const { trainer, dispose } = await openToy(backend, toyRun(recipe()));
  const course: Record<string, number[]> = Object.fromEntries(COMPARED.map((name) => [name, []]));
  const failed = { code: 'TIMEOUT', message: '', fix: '', recoverable: true } as const;
  for (let step = 0; step < STEPS; step += 1) {
    const rollouts = madeRollouts(8, step).map((r, i) => (i === step ? { ...r, failed } : r));
    const { metrics } = await trainer.step(rollouts);
    for (const name of COMPARED) course[name]!.push(Number(metrics[name]!.toPrecision(7)));
  }
  dispose();
  // Written anew where the recipe is meant to change: S3_WRITE_GOLDENS=1.
  if (process.env['S3_WRITE_GOLDENS']) await writeFile(FILE, `${JSON.stringify(course, null, 1)}\n`);
  const golden = JSON.parse(await readFile(FILE, 'utf8')) as Record<string, number[]>;
  for (const name of COMPARED) {
    expect(golden[name], name).toHaveLength(STEPS);
    const largest = Math.max(...golden[name]!.map(Math.abs));
    const worst = Math.max(...golden[name]!.map((value, i) => Math.abs(value - course[name]![i]!)));
    // Sums in another order move the last digits, and fifty steps carry them on.
    expect(worst / largest, name).toBeLessThan(0.02);
    expect(Math.abs(golden[name]![0]! - course[name]![0]!) / largest, `${name} at first`).toBeLessThan(1e-4);
  }
}, 60_000);

it('a thousand steps leave the memory as the first ones found it', async () => {
  const config = { ...TOY, hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, vocab_size: 16 };
  const backend = new CpuBackend();
  const { trainer, dispose } = await openToy(
    backend,
    toyRun(
      {},
      { criticRank: 0, trained: { kind: 'adapter', rank: 2, alpha: 4, modules: ['q_proj', 'down_proj'] } },
    ),
    { files: { config, checkpoint: toyCheckpoint(config, 1) } },
  );
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const rollouts = madeRollouts(2, 3, { vocabulary: 16 });
  const bytes = new Set<number>();
  let before = 0;
  for (let step = 1; step <= 1000; step += 1) {
    await trainer.step(rollouts);
    await trainer.publish();
    if (step > 1) bytes.add(backend.liveBytes);
    // By then everything is compiled.
    if (step === 300) before = heap();
  }
  expect(bytes.size).toBe(1);
  expect(heap() - before).toBeLessThan(2 * 1024 * 1024);
  expect(trainer.steps).toBe(1000);
  dispose();
  expect(backend.liveBytes).toBe(0);
}, 120_000);
