import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { expect, openPage, test } from './guarded-page';

const FILES = ['/tokenizer_config.json', '/tokenizer.json', '/config.json', '/model.onnx'];
let root: string;
let hub: HubServer;

test.beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await cp('tests/fixtures/tiny-bert-onnx', join(root, 'Xenova', 'e5-small-v2'), { recursive: true });
});
test.afterAll(() => rm(root, { recursive: true, force: true }));
test.beforeEach(async ({ watch }) => {
  hub = await startHubServer(root);
  watch.allow(new URL(hub.url).origin);
});
test.afterEach(() => hub.close());

/** As a user behind a mirror does it. */
async function chooseE5(page: Page): Promise<void> {
  await openPage(page, '#/corpora');
  await page.getByLabel('Encoder').selectOption({ label: 'E5 small v2 · 134 MB' });
  await expect(page.getByText('134 MB, downloaded from huggingface.co when first used')).toBeVisible();
  await page.getByText('Download from elsewhere').click();
  await page.getByLabel('Address of the hub').fill('nonsense');
  await page.keyboard.press('Enter');
  await expect(page.getByText('This is not an http or https address.')).toBeVisible();
  await page.getByLabel('Address of the hub').fill(hub.url);
  await page.keyboard.press('Enter');
  await expect(page.getByText(`Models are downloaded from ${new URL(hub.url).host}.`)).toBeVisible();
}

const drop = (page: Page) =>
  page.locator('input[type=file][multiple]:not([webkitdirectory])').setInputFiles(
    ['Ansel', 'Tarn', 'Veld'].map((river) => ({
      name: `${river}.md`,
      mimeType: 'text/markdown',
      buffer: Buffer.from(
        `# ${river}\n\nThe river ${river} rises in the hills above the town of ${river}ford.`,
      ),
    })),
  );

test('an encoder of the hub is downloaded with progress, kept, and searches after a reload', async ({
  page,
}) => {
  await chooseE5(page);
  hub.fail('model.onnx', { kind: 'stall' });
  await drop(page);
  await expect(page.getByText(/downloading model\.onnx, \d+ kB of \d+ kB/)).toBeVisible({ timeout: 60_000 });
  const bar = page.getByRole('progressbar', { name: 'My documents' });
  expect(Number(await bar.getAttribute('value'))).toBeCloseTo(0.5, 1);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText('Cancelled. Nothing was stored.')).toBeVisible();
  await expect(page.getByRole('row', { name: /^My documents/ })).toHaveCount(0);

  await drop(page);
  await expect(page.getByText('“My documents” is ready: 3 passages.')).toBeVisible({ timeout: 60_000 });
  const row = page.getByRole('row', { name: /^My documents/ });
  await expect(row).toContainText('intfloat/e5-small-v2');
  await row.getByRole('button', { name: 'Ask over this' }).click();

  await page.reload();
  const before = hub.requests.length;
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.getByRole('textbox', { name: 'Question' }).fill('Where does the river Tarn rise?');
  await page.keyboard.press('Enter');
  const thread = page.getByRole('region', { name: 'The trace' });
  await expect(thread).toContainText('3 found', { timeout: 60_000 });
  await expect(page.getByRole('region', { name: 'Getting ready' })).toHaveCount(0);
  // The browser kept the files.
  expect(hub.requests.slice(before).filter(({ path }) => path.endsWith('.onnx'))).toEqual([]);
});

test('a download that was stopped at any file, or broke, is simply started again', async ({
  page,
  watch,
}) => {
  watch.expectError(/503/);
  await chooseE5(page);
  for (const name of FILES) {
    const asked = (): number => hub.requests.filter(({ path }) => path.endsWith(name)).length;
    const before = asked();
    hub.fail(name, { kind: 'stall' }, 99);
    await drop(page);
    await expect.poll(asked, { timeout: 30_000 }).toBeGreaterThan(before);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(page.getByText('Cancelled. Nothing was stored.')).toBeVisible();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    hub.heal();
    await page.evaluate(async () => {
      for (const name of await caches.keys()) await caches.delete(name);
    });
  }
  hub.fail('model.onnx', { kind: 'status', status: 503, retryAfter: '0' }, 99);
  await drop(page);
  const alert = page.getByRole('alert');
  await expect(alert).toContainText(/model\.onnx could not be loaded from 127\.0\.0\.1:\d+/, {
    timeout: 60_000,
  });
  hub.heal();
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('“My documents” is ready: 3 passages.')).toBeVisible({ timeout: 60_000 });
});
