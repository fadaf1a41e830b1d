import type { Page } from '@playwright/test';
import { answerOf, ask, expect, openPage, test } from './guarded-page';

const filesInput = (page: Page) => page.locator('input[type=file][multiple]:not([webkitdirectory])');
const text = (name: string, contents: string) => ({
  name,
  mimeType: 'text/plain',
  buffer: Buffer.from(contents),
});

/** Folders of stored corpora, whole or not. */
const folders = (page: Page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const corpora = await root.getDirectoryHandle('corpora', { create: true });
    const names: string[] = [];
    for await (const name of corpora.keys()) names.push(name);
    return names;
  });

test('without a connection the page says so in plain words, and goes on when it is back', async ({
  page,
  context,
  watch,
}) => {
  watch.expectError(/ERR_INTERNET_DISCONNECTED/);
  await openPage(page);
  await page.locator('.examples button').first().waitFor();
  await context.setOffline(true);
  await page.locator('.examples button').first().click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText(/no connection|does not answer/, { timeout: 30_000 });
  await expect(alert).not.toContainText('fetch');
  await context.setOffline(false);
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
});

test('a part of the demo encoder fails to arrive, which is not remembered: the next try succeeds', async ({
  page,
  context,
  watch,
}) => {
  watch.expectError(/ERR_CONNECTION_FAILED/);
  // The file that the library looks for first, and remembers as missing if it may.
  const file = 'tokenizer_config.json';
  let failures = 0;
  await context.route(`**/models/demo-encoder/${file}`, (route) => {
    failures++;
    return route.abort('connectionfailed');
  });
  await openPage(page);
  await page.locator('.examples button').first().click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText(`${file} could not be loaded`, { timeout: 60_000 });
  expect(failures).toBeGreaterThan(0);
  await context.unrouteAll();
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
});

test('a reload in the middle of a run keeps the question, and it can be asked again', async ({ page }) => {
  await openPage(page);
  await page.locator('.examples button').first().click();
  await page.getByRole('region', { name: 'The trace' }).waitFor({ timeout: 60_000 });
  const question = await page.getByRole('textbox', { name: 'Question' }).inputValue();
  await page.reload();
  await expect(page.getByRole('textbox', { name: 'Question' })).toHaveValue(question);
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
});

test('an import that a reload cuts off waits to be gone on with, and leaves nothing behind when it is discarded', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  const lines = Array.from({ length: 200_000 }, (_, i) => `The keeper of lamp ${i} wrote it. `);
  await filesInput(page).setInputFiles([text('big.txt', lines.join(''))]);
  await expect(page.getByText(/passages embedded/)).toBeVisible({ timeout: 60_000 });
  await page.reload();
  await expect(page.getByRole('row', { name: /^Demo/ })).toBeVisible();
  await expect(page.getByRole('row', { name: /^big/ })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Go on big' })).toBeVisible();
  await page.getByRole('button', { name: 'Discard big' }).click();
  await expect(page.getByRole('button', { name: 'Go on big' })).toHaveCount(0);
  await filesInput(page).setInputFiles([text('small.txt', 'The Ansel rises in the hills.')]);
  await expect(page.getByText('“small” is ready')).toBeVisible({ timeout: 60_000 });
  expect(await folders(page)).toHaveLength(1);
});

test('two tabs import at once; each sees both, and what one deletes is gone in the other', async ({
  page,
  context,
}) => {
  const other = await context.newPage();
  for (const tab of [page, other]) await openPage(tab, '#/corpora');
  await Promise.all(
    [page, other].map(async (tab, i) => {
      const name = ['tower', 'mill'][i] ?? '';
      const sentence = `The ${name} stands by the river. `;
      const files = Array.from({ length: 40 }, (_, n) => text(`${name}-${n}.txt`, sentence.repeat(n + 1)));
      await tab.getByLabel('Encoder').selectOption({ index: i === 0 ? 0 : 4 });
      await filesInput(tab).setInputFiles(files);
      await expect(tab.getByText(/is ready: \d+ passages/)).toBeVisible({ timeout: 90_000 });
    }),
  );
  expect(await folders(page)).toHaveLength(2);
  // What a browser tells a tab that comes to the front.
  const front = (tab: Page) => tab.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  for (const tab of [page, other]) {
    await front(tab);
    await expect(tab.getByRole('row', { name: /^My documents/ })).toHaveCount(2);
  }
  await page.getByRole('button', { name: 'Delete My documents' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('row', { name: /^My documents/ })).toHaveCount(1);
  await front(other);
  await expect(other.getByRole('row', { name: /^My documents/ })).toHaveCount(1);
  expect(await folders(page)).toHaveLength(1);
});

test('an empty question asks nothing; one that is too long is cut, and the page says so', async ({
  page,
}) => {
  await openPage(page);
  const box = page.getByRole('textbox', { name: 'Question' });
  await page.keyboard.press('Enter');
  await box.fill('   ');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Ask', exact: true })).toBeDisabled();
  await expect(page.locator('.examples button').first()).toBeVisible();
  await ask(page, 'Who built the bridge? '.repeat(400).slice(0, 999) + '?');
  await expect(page.getByText(/A question ends here, at 1,000 characters/)).toBeVisible();
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
});
