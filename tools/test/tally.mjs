// Reads how many tests passed and failed from the JSON reports of the two test runners.
import { existsSync, readFileSync } from 'node:fs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Tally */

/**
 * A runner that stops with an error without naming a failed test (a crash, no tests found) counts as one failure.
 * @param {'vitest' | 'playwright'} kind
 * @param {string} file
 * @param {boolean} succeeded
 * @returns {Tally}
 */
export function tallyReport(kind, file, succeeded) {
  const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const tally =
    report === undefined
      ? { passed: 0, failed: 0, skipped: 0 }
      : kind === 'vitest'
        ? tallyVitest(report)
        : tallyPlaywright(report);
  if (!succeeded && tally.failed === 0) tally.failed = 1;
  if (succeeded && tally.passed === 0 && tally.failed === 0) tally.failed = 1;
  return tally;
}

/**
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number,
 *   testResults: { status: string, assertionResults: unknown[] }[] }} report
 * @returns {Tally}
 */
function tallyVitest(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests,
  };
}

/**
 * @param {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number }, errors: unknown[] }} report
 * @returns {Tally}
 */
function tallyPlaywright({ stats, errors }) {
  return {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky + (stats.unexpected === 0 ? errors.length : 0),
    skipped: stats.skipped,
  };
}
