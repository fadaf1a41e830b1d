import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expectAccessibleIn, OPPOSITES } from './accessibility';
import { expect, openPage, test } from './guarded-page';

const LIMIT_MS = 90_000;

const results = (page: Page) => page.getByRole('region', { name: 'Results' }).first();
const state = (page: Page) => page.locator('.evaluation .state');
const progress = (page: Page) => page.locator('.evaluation [role=status]').first();

/** Questions of the demo's world, of which the page knows nothing beforehand. */
const OWN = [
  { id: 'a', question: 'Who built the Bold Holter?', golden_answers: ['nobody knows'] },
  {
    id: 'b',
    question: 'What is the river of the town in which Pertin Culven was born?',
    golden_answers: ['Arlor'],
  },
];

async function takeOwn(page: Page, rows: readonly unknown[] = OWN): Promise<void> {
  await page.getByRole('button', { name: /^(Choose systems and questions|New evaluation)$/ }).click();
  await page.getByRole('checkbox', { name: 'Demo, development questions' }).uncheck();
  await page
    .locator('input[type=file][multiple]')
    .first()
    .setInputFiles({
      name: 'own.jsonl',
      mimeType: 'application/jsonl',
      buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
    });
}

async function save(page: Page, format: string): Promise<string> {
  await page.getByRole('combobox', { name: 'As', exact: true }).selectOption({ label: format });
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save', exact: true }).click(),
  ]);
  return readFile(await download.path(), 'utf8');
}

test('the quick test is one click: a table, a question with two traces, the files', async ({ page }) => {
  await openPage(page, '#/evaluate');
  await page.getByRole('button', { name: 'Quick test' }).click();
  await expect(state(page)).toHaveText('finished', { timeout: LIMIT_MS });
  await expect(progress(page)).toContainText('30 of 30 runs');
  const table = results(page).getByRole('table').first();
  await expect(table.getByRole('row', { name: /plain RAG/ })).toContainText(/\d+\.\d/);
  await expect(table.getByRole('columnheader', { name: 'demo:dev' })).toHaveAttribute('aria-sort', 'none');
  await table.getByRole('button', { name: 'demo:dev' }).click();
  await expect(table.getByRole('columnheader', { name: 'demo:dev' })).toHaveAttribute(
    'aria-sort',
    'descending',
  );
  // The mean, and below it the interval.
  await expect(table.getByRole('row', { name: /^s3 / }).getByRole('cell').first()).toHaveText(
    /^\d+\.\d( best)?\d+\.\d–\d+\.\d$/,
  );
  await table.getByRole('button', { name: 's3', exact: true }).click();
  await expect(table).toContainText(/Against plain RAG/);
  const charts = page.getByRole('region', { name: 'Charts' });
  await expect(charts).toContainText('Accuracy against tokens');
  await expect(charts).toContainText(/Accuracy by look-ups[\s\S]*1 look-up/);
  await charts.getByText('As a table').first().click();
  await expect(charts.getByRole('row', { name: /plain RAG/ }).first()).toContainText(/\d/);

  const questions = page.getByRole('region', { name: 'Questions' });
  await expect(questions).toContainText('10 questions');
  await questions.locator('.question').first().click();
  await expect(page.getByRole('region', { name: 's3 answered' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'plain RAG answered' })).toBeVisible();
  await page.getByRole('button', { name: 'Explain the difference' }).click();
  await expect(page.getByRole('region', { name: 'What differs' })).toContainText(/s3 read \d+ document/);
  await questions
    .getByRole('combobox', { name: 'Show' })
    .selectOption({ label: 'one right, the other wrong' });
  await expect(questions.getByRole('combobox', { name: 'Wrong' })).toHaveValue('naive-rag');
  await expect(questions.locator('> p[role=status]')).toHaveText(/^\d questions?$/);

  expect(await save(page, 'CSV: one line for each system and set')).toContain('naive-rag-bm25');
  expect(await save(page, 'LaTeX table')).toContain('\\begin{tabular}');
  expect(JSON.parse(await save(page, 'JSON: the report'))).toMatchObject({
    format: 's3-web/evaluation-report',
  });
  const archive = await save(page, 'Archive: everything, to import elsewhere');
  await page.locator('.list input[type=file]').setInputFiles({
    name: 'again.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from(archive),
  });
  await expect(state(page)).toHaveText('imported');
  await expect(results(page).getByRole('row', { name: /plain RAG/ })).toContainText(/\d+\.\d/);
});

test('a run that is stopped, and one that a reload cuts off, go on where they were', async ({ page }) => {
  await openPage(page, '#/evaluate');
  await page.getByRole('button', { name: 'Quick test' }).click();
  await expect(progress(page)).toContainText(/[1-9]\d* of 30 runs/, { timeout: LIMIT_MS });
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(state(page)).toHaveText('stopped');
  const before = Number(/^\d+/.exec(await progress(page).innerText())?.[0]);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(state(page)).toHaveText('running');
  // Often, so that the run is still under way when it is cut off.
  const done = async (): Promise<number> => Number(/^\d+/.exec(await progress(page).innerText())?.[0]);
  await expect.poll(done, { timeout: LIMIT_MS, intervals: [50] }).toBeGreaterThan(before);
  await page.reload();
  await expect(state(page)).toHaveText('stopped');
  expect(Number(/^\d+/.exec(await progress(page).innerText())?.[0])).toBeGreaterThanOrEqual(before);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(state(page)).toHaveText('finished', { timeout: LIMIT_MS });
  await expect(progress(page)).toContainText('30 of 30 runs');
});

test('own questions are dropped in, estimated and run; the page may be left meanwhile', async ({ page }) => {
  await openPage(page, '#/evaluate');
  await takeOwn(page);
  await expect(page.getByText(/2 questions × 2 systems = 4 · at most \d+ calls of models/)).toBeVisible();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(state(page)).toHaveText('running');
  await page.getByRole('link', { name: 'Glossary' }).click();
  await page.getByRole('link', { name: 'Evaluate' }).click();
  await expect(state(page)).toHaveText('finished', { timeout: LIMIT_MS });
  await expect(results(page).getByRole('columnheader', { name: 'own' })).toBeVisible();
});

test('what cannot be run is said in plain words, and nothing is created', async ({ page }) => {
  await openPage(page, '#/evaluate');
  await takeOwn(page, [{ nothing: 'to ask' }]);
  await expect(page.locator('.estimate')).toContainText(/own/);
  await expect(page.locator('.estimate .bad')).toBeVisible();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.locator('.evaluation')).toHaveCount(0);
  await page.getByRole('button', { name: 'Remove file:own.jsonl' }).click();
  await expect(page.getByText('Choose questions.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run', exact: true })).toBeDisabled();
  await page.getByRole('checkbox', { name: 'Demo, test questions' }).check();
  await page.getByText('More settings').click();
  await page.getByRole('textbox', { name: 'Seeds' }).fill('one');
  await expect(page.getByText('Write whole numbers with commas between them.')).toBeVisible();
});

test('the form, the table and an open question are accessible', async ({ page }) => {
  await openPage(page, '#/evaluate');
  await takeOwn(page);
  await page.getByText('More settings').click();
  await page.getByRole('button', { name: 'Add a system with its own models' }).click();
  await expectAccessibleIn(page, OPPOSITES);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(state(page)).toHaveText('finished', { timeout: LIMIT_MS });
  await expect(page.getByRole('region', { name: 'Questions' })).toContainText('2 questions');
  await results(page)
    .getByRole('button', { name: /^plain RAG/ })
    .click();
  await page.locator('.question').first().click();
  await page.getByRole('button', { name: 'Explain the difference' }).click();
  await expectAccessibleIn(page, OPPOSITES);
});
