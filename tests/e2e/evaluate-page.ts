/** What tests of the Evaluate page do again and again. */
import { readFile } from 'node:fs/promises';
import type { Download, Locator, Page } from '@playwright/test';
import { startOpenAiServer, type OpenAiServer, type ServerMessage } from '../servers/openai-server';
import { expect, openPage, type Watch } from './guarded-page';

/** An evaluation with the demo's models, on a busy machine. */
export const LIMIT_MS = 90_000;

export const results = (page: Page): Locator => page.getByRole('region', { name: 'Results' }).first();
export const state = (page: Page): Locator => page.locator('.evaluation .head .state');
export const progress = (page: Page): Locator => page.locator('.evaluation [role=status]').first();
export const questions = (page: Page): Locator => page.getByRole('region', { name: 'Questions' });

/** The table's row of a system, by its shown name. */
export const rowOf = (page: Page, name: string): Locator =>
  results(page)
    .getByRole('row')
    .filter({ has: page.getByRole('button', { name: new RegExp(`^${name}\\W*(reference)?$`) }) });

export const run = (page: Page): Promise<void> =>
  page.getByRole('button', { name: 'Run', exact: true }).click();

export const finished = (page: Page): Promise<void> =>
  expect(state(page)).toHaveText('finished', { timeout: LIMIT_MS });

export async function openForm(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^(Choose systems and questions|New evaluation)$/ }).click();
}

/** Drops a file in, in place of the demo's questions. */
export async function takeFile(page: Page, name: string, text: string): Promise<void> {
  await page.getByRole('checkbox', { name: 'Demo, development questions' }).uncheck();
  await page
    .locator('input[type=file][multiple]:not([webkitdirectory])')
    .first()
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
}

export const jsonLines = (rows: readonly unknown[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n');

/** `Which is number 1?` with the answer `answer 1`, and so on. */
export const numbered = (count: number): string =>
  jsonLines(
    Array.from({ length: count }, (_, at) => ({
      id: `q${at + 1}`,
      question: `Which is number ${at + 1}?`,
      golden_answers: [`answer ${at + 1}`],
    })),
  );

/** One file, or several in the order in which they come. */
export async function save(page: Page, format: string, system?: string, files = 1): Promise<Saved[]> {
  await page.getByRole('combobox', { name: 'As', exact: true }).selectOption({ label: format });
  if (system !== undefined) {
    await page.getByRole('combobox', { name: 'Of', exact: true }).selectOption({ label: system });
  }
  const downloads: Promise<Saved>[] = [];
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  const take = (download: Download): void => {
    const text = download.path().then((path) => readFile(path, 'utf8'));
    downloads.push(text.then((read) => ({ name: download.suggestedFilename(), text: read })));
    if (downloads.length === files) done();
  };
  page.on('download', take);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await all;
  page.off('download', take);
  return Promise.all(downloads);
}

export interface Saved {
  name: string;
  text: string;
}

export async function importFiles(page: Page, files: readonly Saved[]): Promise<void> {
  await page
    .locator('.list input[type=file]')
    .setInputFiles(
      files.map(({ name, text }) => ({ name, mimeType: 'application/json', buffer: Buffer.from(text) })),
    );
  await expect(state(page)).toHaveText('imported');
}

/** Searches once and keeps what it found; answers `answer 3` to a question that names a 3; as a judge says yes. */
export function playsAll(messages: readonly ServerMessage[]): string {
  const text = messages.map(({ content }) => content).join('\n');
  if (text.includes('golden answers is contained')) return 'yes';
  if (text.includes('search copilot')) {
    return messages.length > 1
      ? '<important_info>[1]</important_info>\n<search_complete>True</search_complete>'
      : '<search_complete>False</search_complete>\n<query>{"query": "river town"}</query>';
  }
  return `answer ${/number (\d+)/.exec(text)?.[1] ?? 'unknown'}`;
}

/** A page whose endpoints of both roles are the server's, as one that remembers them finds them. */
export async function openWithEndpoint(
  page: Page,
  watch: Watch,
  respond: (messages: ServerMessage[]) => string = playsAll,
): Promise<OpenAiServer> {
  const server = await startOpenAiServer({ respond, cors: '*' });
  watch.allow(new URL(server.baseUrl).origin);
  const endpoint = { baseUrl: server.baseUrl, model: 'test-model', key: '' };
  await page.addInitScript(
    (stored) => localStorage.setItem('s3-web.endpoints', stored),
    JSON.stringify({ searcher: endpoint, generator: endpoint }),
  );
  await openPage(page, '#/evaluate');
  return server;
}

/** Both roles of the form; retrieval by words needs no encoder. */
export async function chooseEndpoints(page: Page): Promise<void> {
  for (const role of ['Searcher', 'Generator']) {
    await page.getByRole('combobox', { name: role, exact: true }).selectOption('endpoint');
  }
  await page.getByText('More settings').click();
  await page.getByRole('combobox', { name: 'Retrieval' }).selectOption('bm25');
}
