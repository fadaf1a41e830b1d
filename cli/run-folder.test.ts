import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultRunConfig } from '../src/train/runs/default-config';
import { RunStore } from '../src/train/runs/run-store';
import { folderRunParts } from './run-folder';
import { holdRun } from './run-lock';

/** Of real processes; `run-store.test.ts` crashes at every operation, hundreds of times. */
const KILLS = 50;

let folder = '';
let script = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runs-'));
  const entry = fileURLToPath(new URL('./testing/save-forever.ts', import.meta.url));
  await build({
    configFile: false,
    logLevel: 'silent',
    publicDir: false,
    build: { ssr: entry, outDir: join(folder, 'built'), emptyOutDir: true, minify: false },
    ssr: { noExternal: true },
  });
  const name = (await readdir(join(folder, 'built'))).find((file) => /\.m?js$/.test(file)) ?? '';
  script = join(folder, 'built', name);
  // A file of another package type than the project's.
  await writeFile(join(folder, 'built', 'package.json'), '{"type":"module"}');
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * Starts it, and kills it some way (`share`) into a save after the first one: as long as that first one took, whatever the machine is
 * doing. Gives the last step that it told.
 */
function killWithin(runs: string, share: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, runs], { stdio: ['ignore', 'pipe', 'inherit'] });
    let told = 0;
    let readyAt = 0;
    let aimed = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (/^\d+$/.test(line)) told = Number(line);
      if (readyAt === 0) readyAt = performance.now();
      if (told === 0 || aimed) return;
      aimed = true;
      setTimeout(() => child.kill('SIGKILL'), share * (performance.now() - readyAt));
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(told);
      else reject(new Error(`It ended by itself, with ${code ?? 'no'} code.`));
    });
  });
}

describe('runs in a folder', () => {
  test(
    `after ${KILLS} kills at random instants of saving, no checkpoint is unreadable and none that was told is lost`,
    { timeout: 240_000 },
    async () => {
      const runs = join(folder, 'runs');
      const store = new RunStore(folderRunParts(runs));
      await store.create(defaultRunConfig(), undefined, 'run');
      let last = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const told = await killWithin(runs, ((kill * 7) % KILLS) / KILLS);
        const loaded = await store.load('run');
        const step = loaded?.content.step ?? 0;
        expect(loaded?.damaged ?? []).toEqual([]);
        expect(step).toBeGreaterThanOrEqual(Math.max(told, last));
        if (loaded) expect(loaded.content.state.tensors[0]!.values.every((x) => x === step)).toBe(true);
        const { checkpoints } = await store.get('run');
        for (const info of checkpoints) await store.payload('run', info.step);
        last = step;
      }
      expect(last).toBeGreaterThanOrEqual(KILLS);
    },
  );

  test('keep the whole history of steps across a rewind, and a torn last line of it', async () => {
    const store = new RunStore(folderRunParts(join(folder, 'history')));
    const { id } = await store.create(defaultRunConfig());
    const step = (n: number) => ({
      step: n,
      at: '2026-01-01T00:00:00Z',
      metrics: { score: n },
      rollouts: [],
    });
    for (const n of [1, 2, 3, 4]) await store.putStep(id, step(n), n);
    await store.rewind(id, 2, 2);
    expect((await store.steps(id)).map((s) => s.step)).toEqual([1, 2]);
    await store.putStep(id, { ...step(3), metrics: { score: 33 } }, 3);
    await writeFile(join(folder, 'history', id, 'metrics.jsonl'), '{"step":4,"at"', { flag: 'a' });
    expect((await store.steps(id)).map((s) => s.metrics.score)).toEqual([1, 2, 33]);
    await expect(store.step(id, 4)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await store.list()).map((record) => record.id)).toEqual([id]);
  });

  test('belong to one process at a time, and to nobody once it is dead', async () => {
    const run = join(folder, 'locked');
    await holdRun(run, async () => {
      await writeFile(join(run, 'running.pid'), String(process.ppid));
      await expect(holdRun(run, () => Promise.resolve())).rejects.toMatchObject({ code: 'BUSY' });
    });
    // No process has this number: it is above what kernels hand out.
    await writeFile(join(run, 'running.pid'), '99999999');
    expect(await holdRun(run, () => Promise.resolve('mine'))).toBe('mine');
  });
});
