// `npm test`: installs what is missing, then runs every check and test. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBrowser, ensureVulkanLoader } from '../browser/ensure.mjs';
import { browserVersion, findLavapipe } from '../browser/find.mjs';
import { ensureInstalled, nodeComplaint } from '../start/install.mjs';
import { stages } from './stages.mjs';
import { tallyReport } from './tally.mjs';

/** A stage that takes longer hangs. */
const stageLimitMs = 20 * 60_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const reports = mkdtempSync(join(tmpdir(), 's3-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {{ name: string, seconds: number, passed: number, failed: number, skipped: number }[]} */
const rows = [];

/**
 * @param {import('./stages.mjs').Stage} stage
 * @param {Record<string, string>} env
 * @param {boolean} live whether the output is shown as it comes or once the stage has ended
 */
async function runStage(stage, env, live) {
  const report = join(reports, `${stage.name}.json`);
  const extra =
    stage.report === 'vitest'
      ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
      : stage.report === 'playwright'
        ? ['--reporter=list,json']
        : [];
  const started = performance.now();
  if (live) console.log(`\n── ${stage.name} ──`);
  let output = '';
  const succeeded = await new Promise((resolve) => {
    const child = spawn(process.execPath, [stage.script, ...stage.args, ...extra], {
      cwd: root,
      env: { ...process.env, ...env, PLAYWRIGHT_JSON_OUTPUT_NAME: report },
      stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
      timeout: stageLimitMs,
      killSignal: 'SIGKILL',
    });
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', () => resolve(false));
    child.on('close', (code) => resolve(code === 0));
  });
  const seconds = (performance.now() - started) / 1000;
  if (!live) console.log(`\n── ${stage.name} ──\n${output.trimEnd()}`);
  const tally =
    stage.report === undefined
      ? { passed: succeeded ? 1 : 0, failed: succeeded ? 0 : 1, skipped: 0 }
      : tallyReport(stage.report, report, succeeded);
  for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) total[key] += tally[key];
  rows.push({ name: stage.name, seconds, ...tally });
  return succeeded;
}

function printSummary() {
  console.log('\nstage              seconds   passed   failed');
  for (const { name, seconds, passed, failed, skipped } of rows) {
    const mark = failed > 0 ? '  ← failed' : skipped > 0 ? `  (${skipped} skipped)` : '';
    console.log(
      `${name.padEnd(16)} ${seconds.toFixed(1).padStart(9)} ${String(passed).padStart(8)} ${String(failed).padStart(8)}${mark}`,
    );
  }
  const seconds = rows.length === 0 ? 0 : performance.now() / 1000;
  console.log(`${'whole run'.padEnd(16)} ${seconds.toFixed(1).padStart(9)}`);
}

/** @param {string[]} names */
async function main(names) {
  const complaint = nodeComplaint();
  if (complaint !== undefined) {
    console.error(complaint);
    total.failed += 1;
    return;
  }
  if (!ensureInstalled(root, { dev: true })) {
    total.failed += 1;
    return;
  }
  const all = stages();
  const unknown = names.filter((name) => !all.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(`No stage ${unknown.join(', ')}. There are: ${all.map((s) => s.name).join(', ')}.`);
    total.failed += 1;
    return;
  }
  const chosen = names.length === 0 ? all : all.filter((stage) => names.includes(stage.name));

  /** @type {Record<string, string>} */
  const env = { FORCE_COLOR: '0', NO_COLOR: '1' };
  if (chosen.some((stage) => stage.group === 'tests')) {
    const browser = ensureBrowser(root);
    ensureVulkanLoader(root, browser);
    if (browser !== undefined) {
      env['CHROME_PATH'] = browser;
      console.log(`browser: ${browserVersion(browser)} (${browser})`);
    }
    const lavapipe = findLavapipe();
    console.log('adapter: SwiftShader, always');
    console.log(
      `adapter: lavapipe, ${'manifest' in lavapipe ? lavapipe.manifest : `left out: ${lavapipe.reason}`}`,
    );
  }

  // The static checks are single-threaded, so two run at a time.
  const queue = chosen.filter((stage) => stage.group === 'static');
  const lane = async () => {
    for (let stage = queue.shift(); stage !== undefined; stage = queue.shift())
      await runStage(stage, env, false);
  };
  await Promise.all([lane(), lane()]);
  let built = false;
  for (const stage of chosen.filter((s) => s.group !== 'static')) {
    const succeeded = await runStage(stage, built ? { ...env, S3_BUILT: '1' } : env, true);
    if (stage.name === 'build') built = succeeded;
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error);
  total.failed += 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}
printSummary();
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
