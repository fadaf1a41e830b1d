import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tallyReport } from './tally.mjs';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-tally-'));
  file = join(folder, 'report.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const vitest = (passed: number, failed: number, testResults: unknown[] = []): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 0, testResults });

describe('the tally of a run', () => {
  it('counts tests of Vitest', async () => {
    await writeFile(file, vitest(5, 2));
    expect(tallyReport('vitest', file, false)).toEqual({ passed: 5, failed: 2, skipped: 0 });
  });

  it('counts a test file that could not be loaded as a failure', async () => {
    await writeFile(file, vitest(5, 0, [{ status: 'failed', assertionResults: [] }]));
    expect(tallyReport('vitest', file, false).failed).toBe(1);
  });

  it('counts a failed run as a failure even when no test is named', async () => {
    await writeFile(file, vitest(5, 0));
    expect(tallyReport('vitest', file, false).failed).toBe(1);
    expect(tallyReport('vitest', join(folder, 'none.json'), false).failed).toBe(1);
  });

  it('counts a run without any test as a failure', async () => {
    await writeFile(file, vitest(0, 0));
    expect(tallyReport('vitest', file, true).failed).toBe(1);
  });

  it('counts unexpected and flaky tests of Playwright as failures', async () => {
    await writeFile(
      file,
      JSON.stringify({ stats: { expected: 4, unexpected: 1, flaky: 1, skipped: 2 }, errors: [] }),
    );
    expect(tallyReport('playwright', file, false)).toEqual({ passed: 4, failed: 2, skipped: 2 });
  });
});
