/** Saves one checkpoint after the other until it is killed: `node save-forever.js FOLDER`. Tells each one that is on the disk. */
import { RunStore } from '../../src/train/runs/run-store';
import { folderRunParts } from '../run-folder';

const [, , folder = ''] = process.argv;
const store = new RunStore(folderRunParts(folder));
const loaded = await store.load('run');
let step = loaded?.content.step ?? 0;
await store.rewind('run', step, step);
await store.sweep('run');
process.stdout.write('ready\n');
for (;;) {
  step += 1;
  const values = new Float32Array(20_000).fill(step);
  const record = { step, at: new Date().toISOString(), metrics: { score: step }, rollouts: [] };
  await store.putStep('run', record, step);
  const state = { tensors: [{ name: 'weight', shape: [values.length], values }], numbers: { step } };
  await store.save('run', { step, cursor: step, state });
  process.stdout.write(`${step}\n`);
}
