import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { answerOf, ask, expect, openPage, test } from './guarded-page';

/** `s3 serve` as a user starts it, with the demo's model. */
let child: ChildProcess | undefined;
let cache: string;

async function serve(...args: string[]): Promise<string> {
  const words = ['--import', 'tsx', 'cli/s3.ts', 'serve', '--port', '0', '--json', '--device', 'cpu'];
  const started = spawn(process.execPath, [...words, '--corpus', 'none', ...args], {
    env: { ...process.env, S3_CACHE: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  const [line] = (await once(createInterface(started.stdout), 'line')) as [string];
  return (JSON.parse(line) as { url: string }).url;
}

test.beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 's3-serve-'));
});
test.afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await rm(cache, { recursive: true, force: true });
});

test('our own server searches and answers for a page that it lets in, with a key', async ({
  page,
  watch,
  baseURL,
}) => {
  const url = await serve('--cors', new URL(baseURL ?? '').origin, '--api-key', 'sk-e2e-1');
  watch.allow(url);
  await openPage(page, '#/models?retrieval=bm25');
  await page
    .getByRole('region', { name: 'Generator', exact: true })
    .getByRole('radio', { name: /endpoint/ })
    .check();
  const form = page.getByRole('form', { name: 'Endpoint for the Generator' });
  await form.getByLabel('Base URL').fill(`${url}/v1`);
  await form.getByLabel('Model', { exact: true }).fill('demo');
  await form.getByLabel('API key').fill('sk-e2e-1');
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form.getByRole('status').filter({ hasText: 'answers with "demo"' })).toBeVisible({
    timeout: 30_000,
  });
  await form.getByRole('button', { name: 'Use this endpoint' }).click();
  await expect(form.getByText('in use')).toBeVisible();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await ask(page, 'Where was Pertawyn Culpenn born?');
  await expect(answerOf(page, 's3')).toContainText('Port Elmond', { timeout: 60_000 });
  // Plain RAG asks after it: the server is stopped when nobody needs it any more.
  await expect(page.getByRole('button', { name: 'Export trace' })).toBeVisible({ timeout: 60_000 });
});

test('our own server keeps out a page that was not named, and the page says how to let it in', async ({
  page,
  watch,
  baseURL,
}) => {
  watch.expectError(/CORS|Failed to load resource|net::ERR/);
  const url = await serve();
  watch.allow(url);
  await openPage(page, '#/models');
  await page
    .getByRole('region', { name: 'Generator', exact: true })
    .getByRole('radio', { name: /endpoint/ })
    .check();
  const form = page.getByRole('form', { name: 'Endpoint for the Generator' });
  await form.getByLabel('Base URL').fill(`${url}/v1`);
  await form.getByLabel('Model', { exact: true }).fill('demo');
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form).toContainText(`npm run s3 -- serve --cors ${new URL(baseURL ?? '').origin}`, {
    timeout: 30_000,
  });
});
