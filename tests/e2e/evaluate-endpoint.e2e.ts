import type { Page } from '@playwright/test';
import type { OpenAiServer } from '../servers/openai-server';
import { ask, expect, openPage, test } from './guarded-page';
import {
  chooseEndpoints,
  finished,
  jsonLines,
  LIMIT_MS,
  numbered,
  openForm,
  openWithEndpoint,
  playsAll,
  progress,
  questions,
  results,
  rowOf,
  run,
  save,
  state,
  takeFile,
} from './evaluate-page';

let server: OpenAiServer;
test.afterEach(() => server.close());

const verdicts = (page: Page, question: string) =>
  questions(page).locator('.question').filter({ hasText: question }).locator('.verdict');

test('what an endpoint fails is counted as failed and not as wrong, and run again on request', async ({
  page,
  watch,
}) => {
  server = await openWithEndpoint(page, watch);
  watch.expectError(/Failed to load resource/);
  await openForm(page);
  await page.getByRole('checkbox', { name: 's3', exact: true }).uncheck();
  await takeFile(page, 'own.jsonl', numbered(4));
  await chooseEndpoints(page);
  const { host } = new URL(server.baseUrl);
  await expect(page.getByText(`Questions and passages go to ${host}.`)).toBeVisible();
  await expect(page.getByRole('banner')).toContainText(`questions and kept passages go to ${host}`);
  await expect(page.locator('.estimate')).toContainText('4 questions × 1 system = 4');
  // One call a question, one after the other: the second and the last are refused for good.
  const refused = { kind: 'status', status: 400, message: 'This one I will not read.' } as const;
  server.enqueue({ kind: 'normal' }, refused, { kind: 'normal' }, refused);
  await run(page);
  await finished(page);
  await expect(progress(page)).toContainText('4 of 4 runs · 2 failed');
  const row = rowOf(page, 'plain RAG');
  await expect(row).toContainText('100.0');
  await expect(row.getByRole('cell').last()).toHaveText('2');

  await questions(page).getByRole('combobox', { name: 'Show' }).selectOption({ label: 'only failed ones' });
  await expect(questions(page)).toContainText('2 questions');
  await expect(verdicts(page, 'number 2')).toHaveText(/plain RAG\s*: failed/);
  await questions(page).locator('.question').first().click();
  await expect(questions(page)).toContainText('This one I will not read.');

  await page.getByRole('button', { name: 'Try the 2 failed ones again' }).click();
  await finished(page);
  await expect(progress(page)).toContainText('4 of 4 runs');
  await expect(progress(page)).not.toContainText('failed');
  // Each question was asked once, those that failed once more.
  expect(server.completions).toHaveLength(6);
  await expect(questions(page)).toContainText('0 questions');
});

test('endpoints search, answer and judge; the judge counts where the words do not match', async ({
  page,
  watch,
}) => {
  server = await openWithEndpoint(page, watch);
  await openForm(page);
  await takeFile(
    page,
    'own.jsonl',
    jsonLines([
      { id: 'a', question: 'Which is number 1?', golden_answers: ['answer 1'] },
      { id: 'b', question: 'Which is number 2?', golden_answers: ['the second'] },
    ]),
  );
  await chooseEndpoints(page);
  await page.getByRole('combobox', { name: 'Judge' }).selectOption('endpoint');
  await page
    .getByRole('combobox', { name: 'What counts as right' })
    .selectOption({ label: 'an expected answer stands in it, or the judge says so' });
  await page.getByRole('textbox', { name: 'Price of a million tokens read, US$' }).fill('2.5');
  await expect(page.locator('.estimate')).toContainText('US$');
  await run(page);
  await finished(page);
  await expect(rowOf(page, 's3')).toContainText('100.0');
  await expect(rowOf(page, 'plain RAG')).toContainText('100.0');
  // The judge is asked where the words leave it open, and only there: once for each system.
  const judged = server.completions.filter(({ body }) =>
    JSON.stringify(body).includes('golden answers is contained'),
  );
  expect(judged).toHaveLength(2);
  await results(page).getByRole('combobox', { name: 'Metric' }).selectOption({ label: 'Exact match' });
  await expect(rowOf(page, 's3')).toContainText('50.0');
  await rowOf(page, 's3').getByRole('button').click();
  await expect(results(page)).toContainText(/US\$ \d|\$\d/);
  await questions(page).locator('.question').first().click();
  await expect(page.getByRole('region', { name: 's3: the trace' })).toContainText('river town');
  const [csv] = await save(page, 'CSV: one line for each system and set');
  expect(csv?.text).toContain('judge');
});

test('a system whose endpoint answers nonsense does not stop the others, side by side', async ({
  page,
  watch,
}) => {
  server = await openWithEndpoint(page, watch);
  watch.expectError(/Failed to load resource/);
  await openPage(page, '#/ask?systems=naive-rag**endpoint+naive-rag-bm25&retrieval=bm25');
  server.enqueue({ kind: 'foreign', contentType: 'text/html', body: '<h1>hello</h1>' });
  await ask(page, 'Which town printed the atlas?');
  const answered = page.getByRole('region', { name: 'Naive RAG (BM25) answered' });
  await expect(answered.locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
  await expect(page.getByRole('region', { name: 'Side by side' })).toContainText(
    'answered with a web page, not with a completion',
  );
});

test('the machine is kept awake while an evaluation runs, and a question asked meanwhile is told of it', async ({
  page,
  watch,
}) => {
  await page.addInitScript(() => {
    const log: string[] = [];
    Reflect.set(window, 'awake', log);
    const request = () => {
      log.push('held');
      return Promise.resolve({ released: false, release: () => Promise.resolve(void log.push('released')) });
    };
    Object.defineProperty(navigator, 'wakeLock', { value: { request } });
  });
  const awake = () => page.evaluate(() => (Reflect.get(window, 'awake') as string[]).join());
  server = await openWithEndpoint(page, watch, (messages) => playsAll(messages));
  await openForm(page);
  await page.getByRole('checkbox', { name: 's3', exact: true }).uncheck();
  await takeFile(page, 'own.jsonl', numbered(3));
  await chooseEndpoints(page);
  expect(await awake()).toBe('');
  server.enqueue({ kind: 'slow', pieceMs: 700 });
  await run(page);
  await expect(state(page)).toHaveText('running', { timeout: LIMIT_MS });
  await expect.poll(awake).toBe('held');
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await expect(page.getByText(/The evaluation “Evaluation” is under way in this tab/)).toBeVisible();
  await page.getByRole('link', { name: 'Evaluate' }).click();
  await finished(page);
  await expect.poll(awake).toBe('held,released');
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await expect(page.getByText(/is under way in this tab/)).toHaveCount(0);
});
