import type { Page } from '@playwright/test';
import { expectAccessibleIn, OPPOSITES } from './accessibility';
import { LIMIT_MS } from './cold-start';
import { expect, openPage, test } from './guarded-page';
import { naiveUpload, s3Upload } from './trace-fixture';

const answer = (page: Page, name: string) =>
  page.getByRole('region', { name: `${name} answered`, exact: true });
const openSystems = (page: Page) => page.getByRole('button', { name: /^Systems:/ }).click();

test('three systems answer side by side, and the link says which', async ({ page }) => {
  await openPage(page);
  await openSystems(page);
  await page.getByRole('combobox', { name: 'System 2' }).selectOption({ label: 's3 without selection' });
  await page.getByRole('button', { name: 'Add a system' }).click();
  await expect(page.getByRole('combobox', { name: 'System 3' })).toHaveValue('naive-rag');
  await expect(page.getByRole('button', { name: 'Add a system' })).toHaveCount(0);
  await expect(page).toHaveURL(/systems=s3\+s3-no-selection\+naive-rag/);
  await page.locator('.examples button').first().click();
  const compare = page.getByRole('region', { name: 'Side by side' });
  await expect(compare).toBeVisible({ timeout: LIMIT_MS });
  for (const name of ['s3', 's3 without selection', 'plain RAG']) {
    await expect(answer(page, name).locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
    await expect(page.getByRole('region', { name: `${name}: the trace` })).toBeVisible();
  }
  await page.getByRole('button', { name: 'Explain the difference' }).click();
  const difference = page.getByRole('region', { name: 'What differs' });
  await expect(difference).toContainText(/s3 read \d+ documents?, s3 without selection \d+/);
  await difference.getByRole('combobox').selectOption({ label: 's3 and plain RAG' });
  await expect(difference).toContainText(/Only plain RAG read \(\d+\)/);
  await page.reload();
  await expect(
    page.getByRole('button', { name: 'Systems: s3, s3 without selection, plain RAG' }),
  ).toBeVisible();
});

test('a system that the demo model was not trained for says so beforehand, and runs all the same', async ({
  page,
}) => {
  await openPage(page, '#/ask?systems=search-r1');
  await openSystems(page);
  await expect(page.getByText(/was trained for another protocol: expect Search-R1 to fail/)).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Generator' })).toHaveCount(0);
  await page.locator('.examples button').first().click();
  await expect(answer(page, 'Search-R1').locator('.meta')).toBeVisible({ timeout: LIMIT_MS });
  await expect(page.getByRole('region', { name: 'The trace' })).toBeVisible();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export trace', exact: true }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^s3-web-search-r1-\d{14}\.json$/);
});

test('a system that searches by words is run beside one that searches by meaning', async ({ page }) => {
  await openPage(page, '#/ask?systems=naive-rag+naive-rag-bm25');
  await page.locator('.examples button').first().click();
  await expect(answer(page, 'Naive RAG (BM25)').locator('.meta')).toContainText('demo', {
    timeout: LIMIT_MS,
  });
  await expect(answer(page, 'plain RAG').locator('.meta')).toContainText('demo');
});

test('two trace files stand side by side, with what only one of them read', async ({ page }) => {
  await openPage(page);
  const [a, b] = [s3Upload(), naiveUpload()];
  await page.locator('input[type=file]').setInputFiles([a, { ...b, name: 'naive.json' }]);
  await expect(answer(page, 's3')).toContainText('Tessaly Ford');
  await expect(answer(page, 'plain RAG')).toContainText('Harrow');
  await page.getByRole('button', { name: 'Explain the difference' }).click();
  const difference = page.getByRole('region', { name: 'What differs' });
  await expect(difference).toContainText('Only s3 read “Odell Marrin”, which says an expected answer.');
  await difference.getByRole('button', { name: 'Odell Marrin' }).click();
  await expect(page.getByRole('button', { name: /^Odell Marrin kept/ })).toBeFocused();
});

test('a link with systems that are none opens the usual two', async ({ page }) => {
  await openPage(page, '#/ask?systems=s3+%3Cscript%3E');
  await expect(page.getByRole('button', { name: 'Systems: s3, plain RAG' })).toBeVisible();
});

test('columns, the difference and the choice of systems are accessible', async ({ page }) => {
  await openPage(page);
  const same = { ...s3Upload(), name: 'again.json' };
  await page
    .locator('input[type=file]')
    .setInputFiles([s3Upload(), same, { ...naiveUpload(), name: 'naive.json' }]);
  await expect(answer(page, 's3 (2)')).toContainText('Tessaly Ford');
  await page.getByRole('button', { name: 'Explain the difference' }).click();
  await openSystems(page);
  await expectAccessibleIn(page, OPPOSITES);
});
