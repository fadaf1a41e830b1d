import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startHubServer } from '../servers/hub-server';
import type { OpenAiServer } from '../servers/openai-server';
import { expect, test } from './guarded-page';
import {
  chooseEndpoints,
  finished,
  importFiles,
  jsonLines,
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
  takeFile,
} from './evaluate-page';

let server: OpenAiServer;
test.afterEach(() => server.close());

const SETS = ['nq/test', 'triviaqa/test', 'popqa/test', 'hotpotqa/dev', '2wikimultihopqa/dev', 'musique/dev'];

test('the quick test of a reproduction asks ten questions over the six general sets of the hub', async ({
  page,
  watch,
}) => {
  const root = await mkdtemp(join(tmpdir(), 's3-sets-'));
  for (const set of SETS) {
    const path = join(root, 'RUC-NLPIR', 'FlashRAG_datasets', `${set}.jsonl`);
    await mkdir(dirname(path), { recursive: true });
    const rows = Array.from({ length: 5 }, (_, at) => ({
      id: `${set}_${at}`,
      question: `which is number ${at} of ${set}`,
      golden_answers: [`answer ${at}`],
    }));
    await writeFile(path, jsonLines(rows));
  }
  const hub = await startHubServer(root);
  watch.allow(new URL(hub.url).origin);
  await page.addInitScript((url) => localStorage.setItem('s3-web.hub', url), hub.url.slice(0, -1));
  // Right about even numbers alone.
  server = await openWithEndpoint(page, watch, (messages) => {
    const said = playsAll(messages);
    return /answer \d*[13579]$/.test(said) ? 'I cannot say' : said;
  });
  try {
    await openForm(page);
    await page
      .getByRole('combobox', { name: 'Begin with' })
      .selectOption({ label: 'Quick test of a reproduction: 10 questions over the six general sets' });
    await expect(page.getByRole('combobox', { name: 'Counted' })).toHaveValue('all');
    await expect(page.getByText('Choose a corpus that has their documents')).toBeVisible();
    expect(hub.requests).toEqual([]);
    await chooseEndpoints(page);
    await page.getByRole('button', { name: 'Fetch the questions and estimate' }).click();
    await expect(page.locator('.estimate')).toContainText('10 questions × 2 systems = 20');
    await run(page);
    await finished(page);
    await expect(progress(page)).toContainText('20 of 20 runs');
    for (const set of ['nq', 'triviaqa', 'popqa', 'hotpotqa', '2wikimultihopqa', 'musique', 'Average']) {
      await expect(results(page).getByRole('columnheader', { name: set, exact: true })).toBeVisible();
    }
    await results(page).getByRole('combobox', { name: 'Metric' }).selectOption({ label: 'Exact match' });
    await expect(rowOf(page, 's3').getByRole('cell')).toHaveCount(6 + 1 + 4);
    const [csv] = await save(page, 'CSV: one line for each system and set');
    const [head = '', ...lines] = csv?.text.trimEnd().split('\r\n') ?? [];
    expect(lines).toHaveLength(2 * 7);
    const column = (line: string, name: string) => Number(line.split(',')[head.split(',').indexOf(name)]);
    for (const line of lines) {
      expect(column(line, 'ok')).toBeGreaterThan(0);
      for (const metric of ['accuracy', 'em']) {
        expect(column(line, metric)).toBeGreaterThanOrEqual(0);
        expect(column(line, metric)).toBeLessThanOrEqual(100);
      }
    }
    expect(questions(page)).toBeTruthy();
  } finally {
    await hub.close();
    await rm(root, { recursive: true, force: true });
  }
});

test('the original’s files of one system go out, come back as an evaluation, and go out the same', async ({
  page,
  watch,
}) => {
  server = await openWithEndpoint(page, watch, (messages) =>
    messages.some(({ content }) => content.includes('number 2')) ? 'I cannot say' : playsAll(messages),
  );
  await openForm(page);
  await page.getByRole('checkbox', { name: 's3', exact: true }).uncheck();
  await takeFile(page, 'own.jsonl', numbered(3));
  await chooseEndpoints(page);
  await run(page);
  await finished(page);
  const [markdown] = await save(page, 'Markdown table');
  expect(markdown?.text).toMatch(/\| naive-rag \| \*{0,2}66\.7/);
  const [found] = await save(page, 'output_sequences.json of the original');
  expect(found?.name).toBe('own_output_sequences.json');
  const [cache] = await save(page, 'rag_cache.json of the original');
  expect(JSON.parse(cache?.text ?? '')).toMatchObject({
    own: { 'Which is number 1?': { answer: 'answer 1', score: 1, em_score: 1 } },
  });
  const [stats] = await save(page, 'stats file of the original');
  expect(JSON.parse(stats?.text ?? '')).toMatchObject({
    data_source_stats: { own: { total: 3, correct: 2 } },
  });
  const [scores] = await save(page, 'result file of the original');
  if (!scores || !found || !stats) throw new Error('a file is missing');
  await importFiles(page, [scores, found]);
  await expect(rowOf(page, 'plain RAG')).toContainText('66.7');
  await expect(page.getByRole('button', { name: /^(Start|Go on)$/ })).toHaveCount(0);
  expect((await save(page, 'result file of the original'))[0]?.text).toBe(scores.text);
  await questions(page).locator('.question').first().click();
  await expect(page.getByRole('region', { name: 'plain RAG: the trace' })).toBeVisible();
});

test('a number that is missing or out of range is said beside its field, and nothing can be run', async ({
  page,
  watch,
}) => {
  server = await openWithEndpoint(page, watch);
  await openForm(page);
  await page.getByText('More settings').click();
  const button = page.getByRole('button', { name: 'Run', exact: true });
  for (const [field, wrong, right, says] of [
    ['Turns of s3', '', '3', 'Write a whole number from 1 to 8.'],
    ['Turns of s3', '9', '8', 'Write a whole number from 1 to 8.'],
    ['Questions at once', '', '2', 'Write a whole number from 1 to 64.'],
    ['How many questions', '0', '', 'Write a whole number from 1 to 1,000,000, or nothing.'],
    [
      'Price of a million tokens read, US$',
      'ten',
      '',
      'Write an amount in dollars, such as 0.15, or nothing.',
    ],
  ] as const) {
    const input = page.getByRole('textbox', { name: field });
    await input.fill(wrong);
    await expect(input).toHaveAccessibleDescription(says);
    await expect(button).toBeDisabled();
    await input.fill(right);
    await expect(button).toBeEnabled();
  }
});
