import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { FIXTURE_S3 } from '../../src/state/fixture-trace';
import type { TraceEvent } from '../../src/protocol/trace';
import { answerOf, expect, openPage, test } from './guarded-page';
import { naiveUpload, s3Upload, upload } from './trace-fixture';

test.beforeEach(async ({ page }) => openPage(page));

const importFile = (page: Page, file: ReturnType<typeof s3Upload>) =>
  page.locator('input[type=file]').setInputFiles(file);

test('an imported trace is drawn as a thread: found, kept, stop, context, answer', async ({ page }) => {
  await importFile(page, s3Upload());
  const thread = page.getByRole('region', { name: 'The trace' });
  await expect(thread.getByText('3 found · 1 kept')).toBeVisible();
  await expect(thread.getByText('Odell Marrin birthplace')).toBeVisible();
  await expect(thread.getByText('8 found · 2 kept')).toBeVisible();
  await expect(thread.getByText('stops: enough to answer')).toBeVisible();
  await expect(thread.getByText('3 documents · 141 tokens')).toBeVisible();
  await expect(answerOf(page, 's3')).toContainText('Tessaly Ford');
  await expect(answerOf(page, 's3')).toContainText('right');
  await expect(page.getByRole('heading', { name: /founder of the Harrow Lamp Guild/ })).toBeVisible();
});

test('a citation opens the passage, with the matched words marked and the sentence underlined', async ({
  page,
}) => {
  await importFile(page, s3Upload());
  await answerOf(page, 's3').getByRole('button', { name: 'Passage 2: Odell Marrin' }).click();
  const row = page.getByRole('button', { name: /^Odell Marrin kept/ });
  await expect(row).toBeFocused();
  await expect(row).toHaveAttribute('aria-expanded', 'true');
  await expect(page.locator('.carries')).toContainText('born in Tessaly Ford');
  await expect(page.locator('mark').first()).toHaveText('Odell');
});

test('j and k walk, Enter opens, c copies', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await importFile(page, s3Upload());
  await expect(page.getByText('stops: enough to answer')).toBeVisible();
  await page
    .locator('h1')
    .click({ force: true })
    .catch(() => undefined);
  await page.getByRole('textbox', { name: 'Question' }).blur();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const document = page.getByRole('button', { name: /^Harrow Lamp Guild/ });
  await expect(document).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(document).toHaveAttribute('aria-expanded', 'true');
  await page.keyboard.press('c');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain('founded by Odell Marrin');
  await page.keyboard.press('k');
  await expect(document).not.toBeFocused();
});

test('letters typed into the question stay there', async ({ page }) => {
  await importFile(page, s3Upload());
  await page.getByRole('textbox', { name: 'Question' }).pressSequentially('jock');
  await expect(page.getByRole('textbox', { name: 'Question' })).toHaveValue('jock');
});

test('an exported trace is the one that was imported', async ({ page }) => {
  await importFile(page, s3Upload());
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export trace', exact: true }).click(),
  ]);
  const written = JSON.parse(await readFile(await download.path(), 'utf8')) as {
    events: unknown;
    system: string;
  };
  expect(written.system).toBe('s3');
  expect(written.events).toEqual(FIXTURE_S3);
});

test('a trace can be dropped onto the page', async ({ page }) => {
  const content = naiveUpload().buffer.toString();
  const transfer = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'trace.json', { type: 'application/json' }));
    return data;
  }, content);
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  await expect(answerOf(page, 'plain RAG')).toContainText('Harrow');
});

test('what is no trace is refused with a reason, and the page stays as it was', async ({ page }) => {
  for (const [text, reason] of [
    ['not json', 'not JSON'],
    ['{"format":"other"}', 'not a sound trace'],
    ['{"__proto__":{"polluted":1}}', 'forbidden key'],
  ]) {
    await importFile(page, { name: 'x.json', mimeType: 'application/json', buffer: Buffer.from(text ?? '') });
    await expect(page.getByRole('alert')).toContainText(reason ?? '');
  }
  await expect(page.locator('.examples button').first()).toBeVisible();
});

test('markup in titles, passages, queries and answers is shown as text and does nothing', async ({
  page,
}) => {
  const payload =
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><a href="javascript:window.hacked=1">x</a>';
  const hostile = FIXTURE_S3.map((event): TraceEvent => {
    if (event.type === 'retrieved') {
      const documents = event.documents.map((d) => ({
        ...d,
        title: `${d.title} ${payload}`,
        text: `${payload} ${d.text}`,
      }));
      return { ...event, documents, query: event.query };
    }
    if (event.type === 'action' && event.action === 'search')
      return { ...event, query: payload, thought: payload };
    if (event.type === 'answered') return { ...event, answer: payload, model: payload };
    return event;
  });
  await importFile(page, upload(hostile));
  await expect(answerOf(page, 's3')).toContainText('<img src=x');
  for (const row of await page.locator('.document button').all()) await row.click();
  await expect(page.locator('main img, main script, main a[href^="javascript"]')).toHaveCount(0);
  expect(await page.evaluate(() => Reflect.get(window, 'hacked') as unknown)).toBeUndefined();
});

test('the trace of plain RAG in a run is copied and exported on its own, and can be imported again', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.locator('.examples button').first().click();
  await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: 60_000 });
  const answer = await answerOf(page, 'plain RAG').locator('.text').innerText();
  await page.getByRole('button', { name: 'Copy plain RAG’s trace' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export plain RAG’s trace' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^s3-web-naive-rag-\d{14}\.json$/);
  const written = await readFile(await download.path(), 'utf8');
  expect(written).toBe(copied);
  expect(JSON.parse(written)).toMatchObject({ system: 'naive-rag' });
  await expect(page.getByRole('button', { name: 'Copied' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Copy trace', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({
    system: 's3',
  });

  await openPage(page, '#/glossary');
  await openPage(page);
  await page.locator('input[type=file]').setInputFiles({
    name: 'naive.json',
    mimeType: 'application/json',
    buffer: Buffer.from(written),
  });
  await expect(page.getByText('Imported trace, recorded')).toBeVisible();
  expect(await answerOf(page, 'plain RAG').locator('.text').innerText()).toContain(answer.slice(0, 8));
});
