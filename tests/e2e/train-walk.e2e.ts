import { readFile } from 'node:fs/promises';
import type { Locator, Page } from '@playwright/test';
import { LIMIT_MS } from './cold-start';
import { expect, openPage, test } from './guarded-page';
import { traceMainThread } from './main-thread';

/** Steps of the demo's model take seconds; on a busy machine many more. */
const STEP_MS = 120_000;

const controlsOf = (page: Page): Locator => page.getByRole('region', { name: 'Controls of the run' });
const press = (page: Page, name: string): Promise<void> =>
  controlsOf(page).getByRole('button', { name, exact: true }).click();

/** A run of the demo's model that is as small as it can be, and begins at once: no answers of plain RAG are needed. */
async function writeRecipe(
  page: Page,
  name: string,
  steps: number,
  retrieval: 'bm25' | 'hybrid' = 'bm25',
): Promise<void> {
  const set = async (label: string, value: string): Promise<void> => {
    const field = page.getByRole('textbox', { name: label, exact: true });
    await field.fill(value);
    await field.press('Enter');
  };
  await openPage(page, '#/train');
  await expect(page.getByRole('region', { name: 'What it can learn from' })).toContainText('questions');
  await set('Name of the run', name);
  await set('Steps', String(steps));
  await page.getByRole('checkbox', { name: 'Leave out what teaches nothing' }).uncheck();
  for (const group of [
    'Reward',
    'Model and adapter',
    'Search and sampling',
    'Batches',
    'Course of the run',
  ]) {
    await page.locator('.recipe summary', { hasText: group }).first().click();
  }
  await page.getByRole('combobox', { name: 'Rewarded for', exact: true }).selectOption('answer');
  await page.getByRole('combobox', { name: 'Accuracy by', exact: true }).selectOption('f1');
  await page.getByRole('combobox', { name: 'Retrieval', exact: true }).selectOption(retrieval);
  await set('Turns', '1');
  await set('Response', '24');
  await set('Mini-batch', '1');
  await set('Questions a step', '2');
  await set('Checkpoint every', '1');
}

/** Answers of plain RAG come in as s3's own scripts write them, and go out with what was there. */
async function exchangeAnswers(page: Page): Promise<void> {
  const load = (text: string): Promise<void> =>
    page.getByLabel('Import answers').setInputFiles({
      ...{ name: 'rag_cache.json', mimeType: 'application/json' },
      buffer: Buffer.from(text),
    });
  await load('[]');
  await expect(page.getByRole('alert')).toContainText('This is no rag_cache.json');
  const theirs = { nq: { 'who wrote it?': { answer: 'Ada', score: 1, em_score: 0, doc_size: 300 } } };
  await load(JSON.stringify(theirs));
  await expect(page.getByRole('status').filter({ hasText: '1 new answer' })).toBeVisible();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export the answers' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('rag_cache.json');
  const saved = JSON.parse(await readFile(await file.path(), 'utf8')) as typeof theirs;
  expect(saved.nq['who wrote it?']).toMatchObject({ answer: 'Ada', score: 1, em_score: 0 });
}

const stepsDone = async (page: Page): Promise<number> =>
  Number(/step (\d+)/.exec(await controlsOf(page).innerText())?.[1] ?? 0);

test('a run is paused, stepped, left by its tab, taken over by another one, stopped and forked', async ({
  page,
  context,
}) => {
  test.setTimeout(600_000);
  await writeRecipe(page, 'Walked', 200);
  await press(page, 'Start');
  await expect(controlsOf(page)).toContainText('this tab owns the run', { timeout: STEP_MS });
  await expect(page.getByRole('img', { name: /^Mean reward over/ })).toBeVisible({ timeout: STEP_MS });

  const { tasks, longestComputingMs } = await traceMainThread(page, () => page.waitForTimeout(5000));
  expect(tasks).toBeGreaterThan(10);
  expect(longestComputingMs, 'the longest task of the page’s thread while a run trains').toBeLessThan(50);

  await press(page, 'Pause');
  await expect(controlsOf(page)).toContainText(/paused at step \d+ of 200/, { timeout: STEP_MS });
  const at = await stepsDone(page);
  await press(page, 'Single step');
  await expect(controlsOf(page)).toContainText(`paused at step ${at + 1} of 200`, { timeout: STEP_MS });
  await press(page, 'Resume');

  // A second tab sees it go on, and may only look.
  const other = await context.newPage();
  const errors: string[] = [];
  other.on('pageerror', (error) => errors.push(error.message));
  await openPage(other, '#/train');
  await expect(other.getByText('Another tab has this run.')).toBeVisible();
  await expect(controlsOf(other).getByRole('button')).toHaveCount(0);
  await expect(controlsOf(other)).toContainText('in another tab');
  await expect(other.getByRole('img', { name: /^Mean reward over/ })).toBeVisible();

  // The first tab is reloaded in the middle of a step: the run is nobody's, and either may go on.
  await expect(controlsOf(page)).toContainText(/checkpoint of step \d+ saved/, { timeout: STEP_MS });
  await page.reload();
  await expect(controlsOf(page)).toContainText(/interrupted after step \d+/);
  const before = await stepsDone(page);
  expect(before).toBeGreaterThan(at);
  await expect(other.getByText('This run was under way when its tab went away.')).toBeVisible();
  await press(other, 'Go on');
  await expect(controlsOf(other)).toContainText('this tab owns the run', { timeout: STEP_MS });
  await expect(page.getByText('Another tab has this run.')).toBeVisible();
  await expect(controlsOf(page).getByRole('button')).toHaveCount(0);
  await expect.poll(() => stepsDone(other), { timeout: STEP_MS }).toBeGreaterThan(before);
  await press(other, 'Stop');
  await expect(controlsOf(other)).toContainText(/stopped at step \d+/, { timeout: STEP_MS });
  await expect(controlsOf(page)).toContainText(/stopped at step \d+/);
  const stopped = await stepsDone(page);

  // What it has learned goes on under another name.
  await page.getByRole('button', { name: `Fork at step ${stopped}` }).click();
  await expect(page.getByText(`Goes on from “Walked”, step ${stopped}.`)).toBeVisible();
  await press(page, 'Single step');
  await expect(controlsOf(page)).toContainText(`paused at step ${stopped + 1} of 200`, { timeout: STEP_MS });
  await press(page, 'Stop');
  await expect(controlsOf(page)).toContainText(`stopped at step ${stopped + 1}`, { timeout: STEP_MS });
  await expect(page.getByRole('row', { name: /Show Walked, from/ })).toBeVisible();
  expect(errors).toEqual([]);
});

test('a checkpoint answers in Ask, beside its base; leaves as adapter, model and run; and comes back', async ({
  page,
}) => {
  test.setTimeout(600_000);
  await writeRecipe(page, 'Tried', 1, 'hybrid');
  await exchangeAnswers(page);
  await press(page, 'Start');
  await expect(controlsOf(page)).toContainText('finished after 1 steps', { timeout: 2 * STEP_MS });

  const download = async (kind: string): Promise<{ name: string; path: string }> => {
    await page.getByRole('radio', { name: kind }).check();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('dialog').getByRole('button', { name: 'Download' }).click(),
    ]);
    return { name: file.suggestedFilename(), path: await file.path() };
  };
  await page.getByRole('button', { name: 'Export the checkpoint of step 1' }).click();
  expect((await download('Adapter (PEFT)')).name).toBe('tried-step-1.tar');
  expect((await download('Whole model (safetensors)')).name).toBe('tried-step-1-merged.tar');
  const run = await download('The run as one file');
  expect(run.name).toMatch(/\.s3run$/);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Try the checkpoint of step 1 in Ask' }).click();
  await expect(page).toHaveURL(/#\/ask/, { timeout: 60_000 });
  const answered = (name: string): Promise<void> =>
    expect(
      page.getByRole('region', { name: `${name} answered`, exact: true }).locator('.meta'),
    ).toContainText('demo', { timeout: LIMIT_MS });
  await page.locator('.examples button').first().click();
  await answered('s3 · Tried, step 1');
  // It knows how it was trained: the compact prompt, five documents a query.
  await expect(page.getByRole('button', { name: /5-3-3/ })).toBeVisible();

  await openPage(page, '#/train');
  await page.getByRole('button', { name: 'Compare the checkpoint of step 1 with its base' }).click();
  await expect(page).toHaveURL(/systems=s3\*tried\S+\+s3\*demo/, { timeout: 60_000 });
  await page.getByRole('textbox', { name: 'Question' }).fill('Who built the Bold Holter?');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await answered('s3 · Tried, step 1');
  await expect(page.getByRole('region', { name: /^s3 .* answered$/ })).toHaveCount(2, { timeout: LIMIT_MS });
  await expect(page.getByRole('region', { name: 'Side by side' })).toBeVisible({ timeout: LIMIT_MS });

  await openPage(page, '#/train');
  await page.getByRole('button', { name: 'Delete Tried' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('row', { name: /Show Tried/ })).toHaveCount(0);
  await page.locator('input[type=file][accept=".s3run"]').setInputFiles({
    ...{ name: run.name, mimeType: 'application/octet-stream' },
    buffer: await readFile(run.path),
  });
  await expect(page.getByRole('row', { name: /Show Tried/ })).toContainText('finished');
  await expect(
    page.getByRole('img', { name: /^Mean reward over 1 step|^Mean reward: one step/ }),
  ).toBeVisible();
  await expect(page.getByRole('button', { name: 'Try the checkpoint of step 1 in Ask' })).toBeVisible();
});

test('a step is trained through WebGPU, in the page’s own worker', async ({ page }) => {
  test.setTimeout(300_000);
  await writeRecipe(page, 'On WebGPU', 1);
  await page.getByRole('combobox', { name: 'Runs on', exact: true }).selectOption('webgpu');
  for (const module of ['k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']) {
    await page.getByRole('checkbox', { name: module }).uncheck();
  }
  const few = async (label: string, value: string): Promise<void> => {
    const field = page.getByRole('textbox', { name: label, exact: true });
    await field.fill(value);
    await field.press('Enter');
  };
  await few('Questions a step', '1');
  await few('Found per query', '1');
  await few('Response', '8');
  await press(page, 'Start');
  await expect(controlsOf(page)).toContainText('finished after 1 steps', { timeout: 280_000 });
  await expect(page.getByText(/checkpoint of step 1 saved/)).toBeVisible();
});
