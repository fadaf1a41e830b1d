import { violations } from './accessibility';
import { filesInput, isReady, lamp, lamps, press, rowsFile, searchIn, withoutEncoder } from './corpora-page';
import { expect, openPage, test } from './guarded-page';

test('repeated ids are numbered, a corpus is brought up to date, and two are searched as one', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  await withoutEncoder(page);
  const repeated = rowsFile('lamps.jsonl', [...lamps(3), lamp(1, 'Another lamp, of Quill.'), lamp(2)]);
  await filesInput(page).setInputFiles([repeated]);
  await expect(page.getByRole('alert')).toContainText('repeats the id "lamp-1" of line 2');
  await expect(page.getByRole('alert')).toContainText('Number repeated ids');
  await page.getByRole('button', { name: 'Dismiss' }).click();

  await page.getByText('How texts are cut and words are taken').click();
  await page.getByLabel('Number repeated ids').check();
  // A number that cannot be is told, and does not come to anything.
  const words = page.getByLabel('Words of a passage, about');
  await words.fill('5');
  await expect(page.getByText('Write a whole number from 20 to 1,000. Until then it is 100.')).toBeVisible();
  await filesInput(page).setInputFiles([repeated]);
  await isReady(page, 'lamps', 4);
  await expect(page.getByText('1 numbered, 1 the same word for word')).toBeVisible();
  await words.fill('120');
  await expect(words).toHaveAttribute('aria-invalid', 'false');
  await page.getByRole('button', { name: 'Dismiss' }).click();

  // Add and change: lamp 0 changes, lamps 3 and 4 are new.
  await page.getByRole('button', { name: 'Details of lamps' }).click();
  await page.locator('summary', { hasText: 'Bring it up to date' }).click();
  await page.getByLabel('Add and change').check();
  const more = [lamp(0, 'It burnt down.'), ...lamps(2, 3)];
  await filesInput(page)
    .nth(1)
    .setInputFiles([rowsFile('more.jsonl', more)]);
  await expect(page.getByText('2 added · 1 changed · 0 removed · 3 kept')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole('row', { name: /^lamps/ })).toContainText('6');
  expect(await violations(page, '.list')).toEqual([]);
  // Replace all: what is not there goes.
  await page.getByLabel('Replace all').check();
  await filesInput(page)
    .nth(1)
    .setInputFiles([rowsFile('all.jsonl', lamps(2))]);
  await expect(page.getByText('0 added · 1 changed · 4 removed · 1 kept')).toBeVisible({ timeout: 30_000 });

  // Together with the demo, by words: the search, and the Ask page.
  await page.getByRole('button', { name: 'Search in lamps' }).click();
  await page.getByLabel('Searched in').selectOption('several together …');
  const ticks = page.getByRole('group', { name: 'Searched together' });
  await expect(ticks).toContainText('Tick two or more.');
  await ticks.getByLabel('Demo').check();
  await expect(ticks).toContainText('By words alone: “lamps” has no vectors.');
  await page.getByRole('textbox', { name: 'Query' }).fill('lamp Ostrander1 guild');
  await page.keyboard.press('Enter');
  const column = page.getByRole('region', { name: 'BM25: by words' });
  await expect(column.getByRole('button').first()).toContainText('Lamp 1', { timeout: 30_000 });
  await expect(column.getByRole('button')).toHaveCount(10);
  await expect(page.getByRole('heading', { level: 2, name: /Search in/ })).toContainText('+ lamps');
  expect(await violations(page, 'section:has(form[role=search])')).toEqual([]);

  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.locator('[aria-controls=run-settings]').click();
  await page.getByLabel('Corpus', { exact: true }).selectOption('several together …');
  const asked = page.getByRole('group', { name: 'Searched together' });
  await asked.getByLabel('lamps').check();
  await expect(page).toHaveURL(/corpus=demo(%2B|\+)/);
  await expect(page).toHaveURL(/retrieval=bm25/);
  await page.reload();
  await expect(page.getByText(/\+ lamps/).first()).toBeVisible();
  await page.getByRole('textbox', { name: 'Question' }).fill('Who keeps lamp Ostrander1?');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: 'The trace' })).toContainText('Lamp 1', { timeout: 60_000 });
});

test('a corpus is made with one index, searched, and given another', async ({ page }) => {
  await openPage(page, '#/corpora');
  await page.getByLabel('Search of the vectors').selectOption('compact: one bit in memory');
  await filesInput(page).setInputFiles([rowsFile('lamps.jsonl', lamps(60))]);
  await isReady(page, 'lamps', 60);
  const row = page.getByRole('row', { name: /^lamps/ });
  await expect(row).toContainText('compact');
  await searchIn(page, 'lamps', 'Who keeps the lamp of harbour 7?');
  await expect(page.getByRole('region', { name: 'Dense: by meaning' }).getByRole('button')).toHaveCount(10);
  await expect(row).toContainText('in memory');

  await page.getByRole('button', { name: 'Details of lamps' }).click();
  const details = page.getByRole('row').filter({ hasText: 'Change index' });
  await expect(details.getByRole('button', { name: 'Change index' })).toBeDisabled();
  await details.getByLabel('Search of the vectors').selectOption('graph: HNSW by usearch');
  await press(details.getByRole('button', { name: 'Change index' }));
  await expect(page.getByText('“lamps” has its new index: a graph.')).toBeVisible({ timeout: 60_000 });
  await expect(row).toContainText('graph');
  await expect(details.getByRole('button', { name: 'Change index' })).toBeDisabled();
  await expect(details.getByRole('button', { name: 'Change index' })).toBeFocused();
  await page.getByRole('textbox', { name: 'Query' }).press('Enter');
  await expect(page.getByRole('region', { name: 'Dense: by meaning' }).getByRole('button')).toHaveCount(10);

  await page.locator('summary', { hasText: 'Map of its passages' }).click();
  const map = page.getByRole('img', { name: 'Map of “lamps”' });
  await expect(page.getByText(/^60 passages in the two directions/)).toBeVisible();
  await map.hover();
  await expect(map).toHaveAccessibleDescription(/left edge\s*Lamp \d+, Lamp \d+/);
  expect(await violations(page, '.list')).toEqual([]);
});
