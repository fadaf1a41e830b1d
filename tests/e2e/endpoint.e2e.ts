import type { Page } from '@playwright/test';
import {
  startOpenAiServer,
  type OpenAiServer,
  type OpenAiServerOptions,
  type ServerMessage,
} from '../servers/openai-server';
import { answerOf, ask, expect, openPage, test, type Watch } from './guarded-page';

const KEY = 'sk-test-1234567890';
const QUESTION = 'Which town printed the atlas?';
let server: OpenAiServer;

/** Plays both parts: one search, one selection, stop; then the answer. */
function play(messages: ServerMessage[]): string {
  const text = messages.map((message) => message.content).join('\n');
  if (!text.includes('search copilot')) return 'Tessaly Ford';
  return messages.length > 1
    ? '<important_info>[1, 2]</important_info>\n<search_complete>True</search_complete>'
    : '<think>The atlas first.</think>\n<search_complete>False</search_complete>\n<query>{"query": "atlas printer town"}</query>';
}

async function start(options: OpenAiServerOptions = {}): Promise<void> {
  server = await startOpenAiServer({ respond: play, cors: '*', apiKey: KEY, ...options });
}

test.afterEach(() => server.close());

/** Sets the endpoint up on the Models page, for both roles. */
async function configure(page: Page, watch: Watch, key = KEY): Promise<void> {
  watch.allow(new URL(server.baseUrl).origin);
  await openPage(page, '#/models?retrieval=bm25');
  for (const role of ['Searcher', 'Generator']) {
    const section = page.getByRole('region', { name: role, exact: true });
    await section.getByRole('radio', { name: /OpenAI-compatible endpoint/ }).check();
    const form = page.getByRole('form', { name: `Endpoint for the ${role}` });
    await form.getByLabel('Base URL').fill(server.baseUrl);
    await form.getByLabel('Model', { exact: true }).fill('test-model');
    await form.getByLabel('API key').fill(key);
    await form.getByRole('button', { name: 'Use this endpoint' }).click();
    await expect(form.getByText('in use')).toBeVisible();
  }
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
}

test('an endpoint searches and answers, and the page says where the question goes', async ({
  page,
  watch,
}) => {
  await start();
  await configure(page, watch);
  const { host } = new URL(server.baseUrl);
  await expect(page.getByText(`go to ${host}`).first()).toBeVisible();
  await ask(page, QUESTION);
  await expect(answerOf(page, 's3')).toContainText('Tessaly Ford', { timeout: 30_000 });
  await expect(answerOf(page, 'plain RAG')).toContainText('Tessaly Ford', { timeout: 30_000 });
  const thread = page.getByRole('region', { name: 'The trace' });
  await expect(thread).toContainText('atlas printer town');
  await expect(thread).toContainText('stops: enough to answer');
  expect(server.completions.every((request) => request.headers['authorization'] === `Bearer ${KEY}`)).toBe(
    true,
  );
  expect(page.url()).not.toContain(KEY);
  expect(page.url()).not.toContain(host);
});

test('the key is in memory only, unless it is to be remembered; forgetting takes it away', async ({
  page,
  watch,
}) => {
  await start();
  await configure(page, watch);
  const stored = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(await stored()).not.toContain(KEY);
  await page.getByRole('link', { name: 'Models' }).click();
  const form = page.getByRole('form', { name: 'Endpoint for the Searcher' });
  await form.getByLabel('Remember on this device').check();
  await form.getByRole('button', { name: 'Use this endpoint' }).click();
  expect(await stored()).toContain(KEY);
  await form.getByRole('button', { name: 'Forget' }).click();
  await expect(form.getByText('Forgotten')).toBeVisible();
  expect(await stored()).not.toContain(KEY);
});

for (const [name, scenario, says] of [
  ['a wrong key', { kind: 'status', status: 401 }, /refused the key/],
  ['malformed JSON', { kind: 'malformed', afterPieces: 1 }, /.+/],
] as const) {
  test(`${name} ends in words, a remedy and a way to try again`, async ({ page, watch }) => {
    await start();
    watch.expectError(/Failed to load resource/);
    await configure(page, watch);
    server.enqueue(scenario);
    await ask(page, QUESTION);
    const alert = page.getByRole('alert');
    await expect(alert).toContainText(says, { timeout: 30_000 });
    expect(await alert.innerText()).not.toContain(KEY);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await expect(answerOf(page, 's3')).toContainText('Tessaly Ford', { timeout: 30_000 });
  });
}

test('a busy server and a stream that breaks before its first word are tried again by themselves', async ({
  page,
  watch,
}) => {
  await start();
  watch.expectError(/Failed to load resource/);
  await configure(page, watch);
  server.enqueue({ kind: 'status', status: 429, retryAfter: '0' }, { kind: 'cut', afterPieces: 0 });
  await ask(page, QUESTION);
  await expect(answerOf(page, 's3')).toContainText('Tessaly Ford', { timeout: 40_000 });
});

test('a stalled answer can be stopped, and the connection ends with it', async ({ page, watch }) => {
  await start();
  await configure(page, watch);
  server.enqueue({ kind: 'stall', afterPieces: 1 });
  await ask(page, QUESTION);
  await expect.poll(() => server.completions.length, { timeout: 30_000 }).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('Stopped. What was found so far stands above.')).toBeVisible();
  await expect.poll(() => server.completions[0]?.aborted).toBe(true);
});

test('markup in what a model writes is text', async ({ page, watch }) => {
  const payload = '<img src=x onerror="window.hacked=1"> **bold** [x](javascript:window.hacked=1)';
  await start({
    respond: (messages) =>
      messages.some((m) => m.content.includes('search copilot')) ? play(messages) : payload,
  });
  await configure(page, watch);
  await ask(page, QUESTION);
  await expect(answerOf(page, 'plain RAG')).toContainText('<img src=x', { timeout: 30_000 });
  await expect(page.locator('main img, main a[href^="javascript"]')).toHaveCount(0);
  expect(await page.evaluate(() => Reflect.get(window, 'hacked') as unknown)).toBeUndefined();
});

test.describe('Test connection', () => {
  async function verdict(page: Page, watch: Watch, baseUrl: string, key: string): Promise<string> {
    watch.allow(new URL(baseUrl).origin);
    await openPage(page, '#/models');
    const section = page.getByRole('region', { name: 'Generator', exact: true });
    await section.getByRole('radio', { name: /OpenAI-compatible endpoint/ }).check();
    const form = page.getByRole('form', { name: 'Endpoint for the Generator' });
    await form.getByLabel('Base URL').fill(baseUrl);
    await form.getByLabel('API key').fill(key);
    await form.getByRole('button', { name: 'Test connection' }).click();
    const status = form.getByRole('status');
    await expect(status.locator('p').first()).not.toContainText('testing', { timeout: 30_000 });
    return status.innerText();
  }

  test('says that it works and what is offered', async ({ page, watch }) => {
    await start();
    expect(await verdict(page, watch, server.baseUrl, KEY)).toContain('test-model');
  });

  test('tells a wrong key from a missing CORS header and from nobody there', async ({ page, watch }) => {
    watch.expectError(/Failed to load resource|CORS policy|ERR_/);
    await start();
    const wrongKey = await verdict(page, watch, server.baseUrl, 'sk-wrong');
    expect(wrongKey).toMatch(/key/);
    expect(wrongKey).not.toContain('sk-wrong');
    await server.close();
    const refused = await verdict(page, watch, server.baseUrl, KEY);
    await start({ cors: false });
    const cors = await verdict(page, watch, server.baseUrl, KEY);
    expect(new Set([wrongKey, refused, cors]).size).toBe(3);
    expect(cors).toMatch(/CORS|origin/i);
  });
});
