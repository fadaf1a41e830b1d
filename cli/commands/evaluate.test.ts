import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../testing/run-cli';
import { progressLine } from './evaluate';

let folder = '';
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 's3-evaluate-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('s3 evaluate', () => {
  it('estimates a preset without loading a model', async () => {
    const { code, out } = await runCli([
      'evaluate',
      'demo',
      '--limit',
      '10',
      '--estimate',
      '--json',
      '--out',
      join(folder, 'x'),
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(out.join(''))).toMatchObject({
      questions: 10,
      runs: 150,
      cost: null,
      bySystem: { direct: { calls: 10 } },
    });
  });

  it('refuses a configuration in plain words, a missing one, and options that do not fit', async () => {
    const path = join(folder, 'c.json');
    await writeFile(path, '{"systems": ["s4"], "datasets": ["demo:test"]}');
    const wrong = await runCli(['evaluate', path]);
    expect(wrong.code).toBe(1);
    expect(wrong.notes).toContain('systems.0 must be one of s3,');
    const missing = await runCli(['evaluate', join(folder, 'none.json')]);
    expect(missing.code).toBe(1);
    expect(missing.notes).toContain('one of the presets: quick-test, general, demo');
    expect((await runCli(['evaluate', folder, '--limit', '3'])).code).toBe(2);
  });

  it('tells how far it is, how long the rest takes, and what came of it', () => {
    const bySystem = {
      s3: { planned: 6, ok: 3, failed: 1, accuracy: 1 / 3 },
      rag: { planned: 6, ok: 0, failed: 0, accuracy: null },
    };
    const progress = {
      planned: 12,
      ok: 3,
      failed: 1,
      running: [],
      elapsedMs: 1000,
      remainingMs: 240_000,
      bySystem,
    };
    expect(progressLine(progress)).toBe('4/12 (1 failed), 4 min left; accuracy: s3 33.3');
  });
});
