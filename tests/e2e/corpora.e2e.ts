import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { filesInput, isReady, searchIn, textFile, withoutEncoder } from './corpora-page';
import { expect, openPage, test } from './guarded-page';

const COUNT = 200;
let folder: string;

const noteOf = (n: number): string =>
  `# Lighthouse ${n}\n\nThe lighthouse number ${n} stands on rock ${n * 7}. Its keeper is called Keeper${n} Ostrander${n}. The lamp turns every ${(n % 9) + 2} seconds.\n`;

test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-notes-'));
  await mkdir(join(folder, 'notes'));
  for (let n = 0; n < COUNT; n++) await writeFile(join(folder, 'notes', `lighthouse-${n}.md`), noteOf(n));
});
test.afterAll(() => rm(folder, { recursive: true, force: true }));

const folderInput = (page: Page) => page.locator('input[webkitdirectory]');

test('a folder of 200 Markdown files is embedded; what a closed tab cut short goes on from the list, without its files', async ({
  page,
  context,
}) => {
  await openPage(page, '#/corpora');
  // The encoder does not come: the files have been read by then.
  await context.route('**/models/demo-encoder/**', () => new Promise<void>(() => undefined));
  const asked = context.waitForEvent('request', (request) => request.url().includes('/models/demo-encoder/'));
  await folderInput(page).setInputFiles(join(folder, 'notes'));
  await asked;
  await page.reload();
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  const resume = page.getByRole('button', { name: 'Go on notes' });
  await expect(resume).toBeVisible({ timeout: 60_000 });
  const row = page.getByRole('row', { name: /^notes/ });
  await expect(row).toHaveCount(0);
  await resume.click();
  await isReady(page, 'notes', COUNT);
  await expect(row).toContainText('demo-encoder');
  await expect(resume).toHaveCount(0);
  await row.getByRole('button', { name: 'Ask over this' }).click();
  await page.reload();
  await expect(row).toContainText('in use');
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.getByRole('textbox', { name: 'Question' }).fill('Who is the keeper of lighthouse 137?');
  await page.keyboard.press('Enter');
  const thread = page.getByRole('region', { name: 'The trace' });
  await expect(thread).toContainText('3 found', { timeout: 60_000 });
  await expect(thread).toContainText('Lighthouse');
});

test('files dropped onto the page are searchable by words, at once', async ({ page }) => {
  await openPage(page, '#/corpora');
  await withoutEncoder(page);
  const transfer = await page.evaluateHandle(
    ([count, first]) => {
      const data = new DataTransfer();
      for (let n = 0; n < count; n++) {
        data.items.add(new File([first.replaceAll('137', String(n))], `lighthouse-${n}.md`));
      }
      return data;
    },
    [COUNT, noteOf(137)] as const,
  );
  await page.dispatchEvent('.zone', 'drop', { dataTransfer: transfer });
  await isReady(page, 'My documents', COUNT);
  await page
    .getByRole('row', { name: /^My documents/ })
    .getByRole('button', { name: 'Ask over this' })
    .click();
  await expect(page).toHaveURL(/retrieval=bm25/);
  await searchIn(page, 'My documents', 'keeper of lighthouse Ostrander137');
  const found = page.getByRole('region', { name: 'BM25: by words' }).getByRole('button');
  await expect(found.first()).toContainText('Lighthouse 137');
});

test('what cannot be read is refused with its file and line, and nothing is half stored', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  await withoutEncoder(page);
  await filesInput(page).setInputFiles([
    textFile('broken.jsonl', '{"id":"a","title":"A","text":"good"}\n{oops\n'),
  ]);
  await expect(page.getByRole('alert')).toContainText(/line 2|broken\.jsonl:2|Line 2/);
  await expect(page.getByRole('row', { name: /^broken/ })).toHaveCount(0);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await filesInput(page).setInputFiles([textFile('empty.txt', '')]);
  await expect(page.getByRole('alert')).toContainText('empty');
  await expect(page.getByRole('table').getByRole('row')).toHaveCount(2);
});

test('markup in documents and names does nothing', async ({ page }) => {
  const payload = '<img src=x onerror="window.hacked=1">';
  await openPage(page, '#/corpora');
  await withoutEncoder(page);
  const rows = JSON.stringify({ id: payload, title: payload, text: `${payload} tells of the lamp.` });
  await filesInput(page).setInputFiles([
    textFile(`${payload.replaceAll('/', '')}.jsonl`, rows),
    textFile(
      'page.html',
      `<title>${payload}</title><script>window.hacked=1</script><p onclick="x()">The lamp.</p>`,
    ),
  ]);
  await expect(page.getByText(/is ready/)).toBeVisible({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Ask over this' }).click();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.getByRole('textbox', { name: 'Question' }).fill('Who tells of the lamp?');
  await page.keyboard.press('Enter');
  // Rows move while the run goes on.
  await expect(page.getByRole('button', { name: 'Export trace' })).toBeVisible({ timeout: 60_000 });
  await expect(page.locator('.document').first()).toBeVisible();
  // What was not kept is folded away when the run has ended.
  for (const more of await page.getByRole('button', { name: /more, not kept/ }).all()) await more.click();
  for (const row of await page.locator('.document > button').filter({ visible: true }).all())
    await row.click();
  await expect(page.locator('main img, main script')).toHaveCount(0);
  expect(await page.evaluate(() => Reflect.get(window, 'hacked') as unknown)).toBeUndefined();
});
