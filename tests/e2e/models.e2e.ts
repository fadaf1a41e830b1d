import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoGguf } from '../models/demo-gguf';
import type { MadeFiles } from '../servers/hub-files';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { expectAccessibleIn, OPPOSITES } from './accessibility';
import { answerOf, expect, openPage, test } from './guarded-page';
import { card, dropDemo, here, nameModel, openModels, storedBytes } from './models-page';

const REPOSITORY = 'owner/demo';
const WEIGHTS = 'model.safetensors';
let root: string;
let hub: HubServer;
/** Called when half of the weights have been read. */
let onHalf: () => void;

test.beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await cp('models/demo', join(root, REPOSITORY), { recursive: true });
  await rm(join(root, REPOSITORY, WEIGHTS));
});
test.afterAll(() => rm(root, { recursive: true, force: true }));

test.beforeEach(async ({ watch }) => {
  const bytes = await readFile(join('models/demo', WEIGHTS));
  let half = false;
  const made: MadeFiles = new Map([
    [
      `${REPOSITORY}/${WEIGHTS}`,
      {
        size: bytes.length,
        etag: createHash('sha256').update(bytes).digest('hex'),
        read(start: number, end: number) {
          if (!half && end > bytes.length / 2) {
            half = true;
            onHalf();
          }
          return bytes.subarray(start, end);
        },
      },
    ],
  ]);
  onHalf = () => undefined;
  hub = await startHubServer(root, { made, licence: 'apache-2.0' });
  watch.allow(new URL(hub.url).origin);
});
test.afterEach(() => hub.close());

test('a repository is looked at, downloaded, paused, gone on with after a reload, and answers', async ({
  page,
}) => {
  await openModels(page, hub.url);
  await nameModel(page, REPOSITORY, 'q8');
  await page.getByRole('button', { name: 'Look', exact: true }).click();
  await expect(page.getByText(/2\.5 MB to download, .* stored here \(exact\)\./)).toBeVisible();
  await expect(page.getByText('Licence: apache-2.0.')).toBeVisible();

  onHalf = () => hub.fail(WEIGHTS, { kind: 'stall', bytes: 0 });
  await page.getByRole('button', { name: /^Download 2\.5 MB/ }).click();
  const model = card(page, REPOSITORY);
  await expect(model).toContainText(/downloading and quantising · 1\.\d MB of 2\.\d MB/, { timeout: 60_000 });
  await expect(model.getByRole('progressbar')).toHaveAttribute('aria-valuetext', /1\.\d MB of 2\.\d MB/);
  await expect(model).toContainText(/\d [kM]?B\/s · about .+ left/);
  await model.getByRole('button', { name: 'Pause' }).click();
  await expect(model).toContainText(/paused, [3-6]\d %/);

  await page.reload();
  await expect(card(page, REPOSITORY)).toContainText(/paused, [3-6]\d %/);
  hub.requests.length = 0;
  await card(page, REPOSITORY)
    .getByRole('button', { name: /^Resume/ })
    .click();
  await expect(card(page, REPOSITORY)).toContainText(/ready on .*in memory/, { timeout: 60_000 });
  const again = hub.requests
    .filter(({ path }) => path.endsWith(WEIGHTS))
    .reduce((sum, { sent }) => sum + sent, 0);
  expect(again).toBeLessThan(1.9e6);

  await card(page, REPOSITORY)
    .getByRole('button', { name: /^Use as generator/ })
    .click();
  await expect(page).toHaveURL(/generator=owner-demo-q8/);
  await expect(
    page.getByRole('region', { name: 'Generator', exact: true }).getByRole('radio', { name: /owner\/demo/ }),
  ).toBeChecked();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.locator('.examples button').first().click();
  await expect(answerOf(page, 's3').locator('.meta')).toContainText('owner-demo-q8', { timeout: 60_000 });
});

test('a folder is dropped, tells what it is, is renamed, and deleting frees its bytes', async ({ page }) => {
  await openPage(page, '#/models');
  await page.locator('.zone input[webkitdirectory]').setInputFiles('models/demo');
  const model = card(page, 'demo');
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  expect(await storedBytes(page)).toBeGreaterThan(500_000);
  await model.getByRole('button', { name: /^Details/ }).click();
  await expect(model).toContainText('Qwen2ForCausalLM');
  await expect(model).toContainText('no: works on every adapter, and on the CPU');
  await expect(model).toContainText(/Memory when loaded/);
  await model.getByRole('textbox', { name: 'Name' }).fill('My demo');
  await model.getByRole('button', { name: 'Rename' }).click();
  const renamed = card(page, 'My demo');
  await expect(renamed).toBeVisible();
  await renamed.getByRole('button', { name: 'Delete My demo' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Delete “My demo”?');
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await expect(renamed).toBeVisible();
  await renamed.getByRole('button', { name: 'Delete My demo' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(renamed).toHaveCount(0);
  expect(await storedBytes(page)).toBe(0);
  await page.reload();
  await expect(here(page)).toContainText('Nothing yet.');
});

test('the page tells what is stored and how much may be, and asks the browser to keep it', async ({
  page,
}) => {
  await openPage(page, '#/models');
  const storage = page.getByRole('region', { name: 'Storage', exact: true });
  await expect(storage).toContainText(/[\d.]+ (B|kB|MB) of [\d.]+ GB used on this device\./);
  await dropDemo(page);
  await expect(storage).toContainText(/[\d.]+ MB of [\d.]+ GB used/);
  await expect(storage).toContainText('The browser may clear it when space is short.');
  await storage.getByRole('button', { name: 'Keep it' }).click();
  // The browser decides; whatever it says is told.
  await expect(storage).toContainText(
    /Kept: the browser will not clear it by itself\.|The browser declined\./,
  );
});

test('a GGUF file is dropped, and answers as the model that it was made from', async ({ page }) => {
  await openPage(page, '#/models');
  await page.getByRole('form', { name: 'Bring a model' }).getByLabel('Weights').selectOption('f32');
  await page
    .locator('.zone input[type=file]:not([webkitdirectory])')
    .setInputFiles([{ name: 'tiny.gguf', mimeType: '', buffer: await demoGguf() }]);
  const model = card(page, 'tiny.gguf');
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  await model.getByRole('button', { name: /^Use as generator/ }).click();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.locator('.examples button').first().click();
  const s3 = answerOf(page, 's3');
  await expect(s3.locator('.meta')).toContainText('tiny.gguf', { timeout: 60_000 });
  const answer = await s3.locator('.text').first().textContent();
  await page.goto('/#/ask');
  await page.reload();
  await page.locator('.examples button').first().click();
  await expect(s3.locator('.meta')).toContainText('demo', { timeout: 60_000 });
  expect(await s3.locator('.text').first().textContent()).toBe(answer);
});

test('a download is cancelled, and nothing of it stays', async ({ page }) => {
  await openModels(page, hub.url);
  await nameModel(page, REPOSITORY, 'q4');
  onHalf = () => hub.fail(WEIGHTS, { kind: 'stall', bytes: 0 });
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const model = card(page, REPOSITORY);
  await expect(model).toContainText(/1\.\d MB of 2\.\d MB/, { timeout: 60_000 });
  await model.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(model).toHaveCount(0);
  expect(await storedBytes(page)).toBe(0);
});

test('a stored file that was altered is not used, and the page says so', async ({ page }) => {
  await openPage(page, '#/models');
  await page.locator('.zone input[webkitdirectory]').setInputFiles('models/demo');
  const model = card(page, 'demo');
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  await model.getByRole('button', { name: /^Unload/ }).click();
  await page.evaluate(async () => {
    const top = await navigator.storage.getDirectory();
    const models = await top.getDirectoryHandle('models');
    for await (const folder of models.values()) {
      if (!(folder instanceof FileSystemDirectoryHandle)) continue;
      for await (const file of folder.values()) {
        if (!(file instanceof FileSystemFileHandle) || !file.name.endsWith('.bin')) continue;
        const stream = await file.createWritable({ keepExistingData: true });
        await stream.write({ type: 'write', position: 100, data: new Uint8Array([1, 2, 3]) });
        await stream.close();
        return;
      }
    }
  });
  await model.getByRole('button', { name: /^Load/ }).click();
  await expect(model.getByRole('alert')).toContainText('is not the file that pack.json describes', {
    timeout: 30_000,
  });
  await expect(model).not.toContainText('ready on');
});

test('a repository that is not there is told, and what is no name is refused', async ({ page, watch }) => {
  watch.expectError(/404/);
  await openModels(page, hub.url);
  await nameModel(page, 'not a name', 'q4');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(page.getByText('Write it as owner/name')).toBeVisible();
  await nameModel(page, 'owner/none', 'q4');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(here(page).getByRole('alert')).toContainText(/owner\/none/);
  await here(page).getByRole('button', { name: 'Dismiss' }).click();
  await expect(here(page).getByRole('alert')).toHaveCount(0);
});

test('a model with its details open is accessible', async ({ page }) => {
  await openPage(page, '#/models');
  await page.locator('.zone input[webkitdirectory]').setInputFiles('models/demo');
  await expect(card(page, 'demo')).toContainText(/ready on/, { timeout: 60_000 });
  await card(page, 'demo')
    .getByRole('button', { name: /^Details/ })
    .click();
  await page.getByRole('button', { name: /^Details.*s3, 20 steps/ }).click();
  await expect(page.getByText('newest (main)')).toBeVisible();
  await expectAccessibleIn(page, OPPOSITES);
});
