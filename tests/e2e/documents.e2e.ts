import type { Page } from '@playwright/test';
import { pdfOf } from '../fixtures/pdf-file';
import { answerOf, ask, expect, openPage, test } from './guarded-page';

const filesInput = (page: Page) => page.locator('input[type=file][multiple]:not([webkitdirectory])');

const pdf = (name: string, contents: string) => ({
  name,
  mimeType: 'application/pdf',
  buffer: Buffer.from(contents, 'latin1'),
});

const REPORT = pdfOf(
  [
    ['The harbour master of Ostrander is Ada Quill.', 'She has kept the log of the harbour for ten years.'],
    ['The lamp of the harbour was built by Tomas Rell.', 'It can be seen from the hills.'],
  ],
  { title: 'Harbour report' },
);

test('a dropped PDF is read, embedded and answered over, after a reload, too', async ({ page }) => {
  await openPage(page, '#/corpora');
  const transfer = await page.evaluateHandle((contents) => {
    const data = new DataTransfer();
    data.items.add(new File([contents], 'harbour.pdf', { type: 'application/pdf' }));
    return data;
  }, REPORT);
  await page.dispatchEvent('.zone', 'drop', { dataTransfer: transfer });
  await expect(page.getByText('“harbour” is ready: 1 passage.')).toBeVisible({ timeout: 60_000 });
  await page
    .getByRole('row', { name: /^harbour/ })
    .getByRole('button', { name: 'Ask over this' })
    .click();
  await page.reload();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await ask(page, 'Who built the lamp of the harbour?');
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
  await expect(answerOf(page, 's3').locator('.text')).not.toBeEmpty();
  const row = page.getByRole('button', { name: /Harbour report/ }).first();
  if ((await row.getAttribute('aria-expanded')) === 'false') await row.click();
  await expect(page.getByRole('region', { name: 'The trace' })).toContainText('built by Tomas Rell');
});

test('an encrypted, a broken and an empty PDF are refused with the reason; the sound one is taken', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  const encrypted = pdf('secret.pdf', pdfOf([['Text.']], { encrypted: true }));
  await filesInput(page).setInputFiles([encrypted]);
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('secret.pdf is encrypted.', { timeout: 60_000 });
  await expect(alert).toContainText('save a copy without one');
  await alert.getByRole('button', { name: 'Dismiss' }).click();
  await expect(page.getByRole('table').getByRole('row')).toHaveCount(2);

  await filesInput(page).setInputFiles([
    encrypted,
    pdf('broken.pdf', '%PDF-1.4 nothing'),
    pdf('scan.pdf', pdfOf([['']])),
    pdf('harbour.pdf', REPORT),
  ]);
  await expect(page.getByText('“My documents” is ready: 1 passage.')).toBeVisible({ timeout: 60_000 });
  await page.getByText('3 were not taken').click();
  for (const reason of ['secret.pdf is encrypted', 'broken.pdf is no PDF', 'scan.pdf has no text']) {
    await expect(page.getByText(reason)).toBeVisible();
  }
});

/** Files in the private file system, the stored records, and bytes in use. */
const stored = (page: Page) =>
  page.evaluate(async () => {
    const names: string[] = [];
    const root = await navigator.storage.getDirectory();
    for await (const [name, handle] of root.entries()) {
      if (name !== 'corpora' || !(handle instanceof FileSystemDirectoryHandle)) continue;
      for await (const inner of handle.keys()) names.push(inner);
    }
    return names;
  });

test('without room an import is refused in plain words, and nothing of it stays', async ({
  page,
  baseURL,
}) => {
  await openPage(page, '#/corpora');
  await page.getByLabel('Encoder').selectOption({ label: 'none: search by words only (BM25)' });
  const note = (n: number, words: number) => ({
    name: `note-${n}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from(`The keeper of lamp ${n} wrote this. `.repeat(words)),
  });
  await filesInput(page).setInputFiles([note(1, 20)]);
  await expect(page.getByText('“note-1” is ready')).toBeVisible({ timeout: 60_000 });
  const before = await stored(page);
  expect(before).toHaveLength(1);

  const session = await page.context().newCDPSession(page);
  const origin = new URL(baseURL ?? '').origin;
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 200_000 });
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await filesInput(page).setInputFiles([note(2, 30_000)]);
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('The browser gives no more room for this.', { timeout: 60_000 });
  await expect(alert).toContainText('Delete a model or a corpus that you no longer need');
  expect(await stored(page)).toEqual(before);
  await expect(page.getByRole('row', { name: /^note-2/ })).toHaveCount(0);

  // With room again, the same import goes through by the button that was offered.
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('“note-2” is ready')).toBeVisible({ timeout: 60_000 });
  expect(await stored(page)).toHaveLength(2);
});
