import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { answerOf, ask, expect, openPage, test } from './guarded-page';

const NAME = 'acme/tiny-decoder';
let root: string;
let hub: HubServer;

test.beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await cp('tests/fixtures/tiny-decoder-onnx', join(root, NAME), { recursive: true });
});
test.afterAll(() => rm(root, { recursive: true, force: true }));
test.beforeEach(async ({ watch, page }) => {
  hub = await startHubServer(root);
  watch.allow(new URL(hub.url).origin);
  await page.addInitScript((address) => localStorage.setItem('s3-web.hub', address), hub.url);
});
test.afterEach(() => hub.close());

test('an ONNX model of the hub answers: looked up, listed, downloaded when first used, kept', async ({
  page,
  watch,
}) => {
  // What a repository does not have is asked for, too: other types of weights.
  watch.expectError(/404/);
  await openPage(page, '#/models');
  const section = page.getByRole('region', { name: 'ONNX models by transformers.js' });
  await section.getByLabel('ONNX repository').fill('no repository');
  await section.getByRole('button', { name: 'Look it up' }).click();
  await expect(section.getByText('This is no owner/name.')).toBeVisible();
  await section.getByLabel('ONNX repository').fill('acme/none');
  await section.getByRole('button', { name: 'Look it up' }).click();
  await expect(section.getByRole('alert').filter({ hasText: 'acme/none' })).toContainText(
    'has no ONNX model',
  );
  await section.getByLabel('ONNX repository').fill(NAME);
  await section.getByRole('button', { name: 'Look it up' }).click();
  await expect(section.getByRole('status')).toContainText(/Weights fp32, \d{3} kB to download/);
  expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('.onnx'))).toEqual([]);
  await section.getByRole('button', { name: 'Add to the list' }).click();
  await expect(section.getByRole('status')).toContainText('can be chosen');

  const generator = page.getByRole('region', { name: 'Generator' });
  await generator.getByRole('radio', { name: NAME }).check();
  await expect(page).toHaveURL(/generator=acme-tiny-decoder-fp32-onnx/);

  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await ask(page, 'Where was Pertawyn Culpenn born?');
  await expect(answerOf(page, 's3')).toBeVisible({ timeout: 90_000 });
  await expect(page.getByRole('alert')).toHaveCount(0);
  expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('.onnx'))).toHaveLength(
    1,
  );

  // The list outlives the page, and the download the tab.
  await page.reload();
  await ask(page, 'Where was Pertawyn Culpenn born?');
  await expect(answerOf(page, 's3')).toBeVisible({ timeout: 90_000 });
  expect(hub.requests.filter(({ method, path }) => method === 'GET' && path.endsWith('.onnx'))).toHaveLength(
    1,
  );

  await openPage(page, '#/models?generator=acme-tiny-decoder-fp32-onnx');
  await section.getByRole('button', { name: `Remove ${NAME}` }).click();
  await expect(generator.getByRole('radio', { name: NAME })).toHaveCount(0);
  await expect(page).not.toHaveURL(/onnx/);
});

test('a link cannot make the page download a model', async ({ page }) => {
  await openPage(page, '#/ask?generator=acme-tiny-decoder-fp32-onnx');
  await ask(page, 'Where was Pertawyn Culpenn born?');
  await expect(page.getByRole('alert')).toContainText('acme-tiny-decoder-fp32-onnx');
  expect(hub.requests).toEqual([]);
});
