import { filesInput, isReady, lamps, press, rowsFile, textFile, withoutEncoder } from './corpora-page';
import { startPackServer, madePassages } from '../servers/pack-server';
import { expect, openPage, test } from './guarded-page';

test('whoever works with the keyboard keeps their place: corpora are refused, renamed, chosen, packed, searched, deleted', async ({
  page,
}) => {
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  await openPage(page, '#/corpora');
  await withoutEncoder(page);
  const list = page.getByRole('region', { name: 'Your corpora' });

  await filesInput(page).setInputFiles([textFile('empty.txt', '')]);
  await press(button('Dismiss'));
  await expect(list).toBeFocused();

  for (const name of ['rivers', 'hills', 'lamps']) {
    await filesInput(page).setInputFiles([textFile(`${name}.txt`, `Of ${name} and the harbour.`)]);
    await isReady(page, name, 1);
  }
  // One notice after the other, then what they were about.
  await press(button('Dismiss').first());
  await expect(button('Dismiss').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(button('Dismiss')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(list).toBeFocused();

  await press(button('Rename rivers'));
  await expect(page.getByRole('textbox', { name: 'Name' })).toBeFocused();
  await page.keyboard.type('Streams');
  await page.keyboard.press('Enter');
  await expect(button('Rename Streams')).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await expect(button('Rename Streams')).toBeFocused();

  const row = page.getByRole('row', { name: /^Streams/ });
  await press(row.getByRole('button', { name: 'Ask over this' }));
  await expect(row.getByText('in use')).toBeFocused();

  const download = page.waitForEvent('download');
  await press(button('Export as a pack: Streams'));
  expect((await download).suggestedFilename()).toBe('Streams.tar');
  await expect(page.getByText(/is packed/)).toBeVisible();
  await expect(button('Export as a pack: Streams')).toBeFocused();

  await press(button('Search in Streams'));
  await expect(page.getByRole('textbox', { name: 'Query' })).toBeFocused();
  await page.keyboard.type('harbour');
  await page.keyboard.press('Enter');
  const hit = page.getByRole('region', { name: 'BM25: by words' }).getByRole('button').first();
  await press(hit);
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Close' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(hit).toBeFocused();
  await press(button('Close the search'));
  await expect(button('Search in Streams')).toBeFocused();

  // What follows takes the place of what is deleted, else what came before.
  const remove = async (name: string): Promise<void> => {
    await press(button(`Delete ${name}`));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await expect(page.getByRole('dialog').getByRole('button', { name: 'Delete' })).toBeFocused();
    await page.keyboard.press('Enter');
  };
  await remove('hills');
  await expect(page.getByRole('rowheader', { name: 'lamps' })).toBeFocused();
  await press(button('Delete lamps'));
  await press(page.getByRole('dialog').getByRole('button', { name: 'Keep' }));
  await expect(button('Delete lamps')).toBeFocused();
  await remove('lamps');
  await expect(page.getByRole('rowheader', { name: 'Streams' })).toBeFocused();
  await page.reload();
  await expect(page.getByRole('row', { name: /^Streams/ })).toContainText('in use');
  await expect(page.getByRole('table').getByRole('row')).toHaveCount(3);
});

test('the place is kept while an import is paused, goes on, and is cancelled, and another is discarded', async ({
  page,
}) => {
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  await openPage(page, '#/corpora');
  await filesInput(page).setInputFiles([rowsFile('harbours.jsonl', lamps(3_000))]);
  const embedded = page.getByText(/of 3,000 passages embedded/);
  await expect(embedded).toBeVisible({ timeout: 60_000 });
  await press(button('Pause harbours'));
  await expect(button('Go on harbours')).toBeFocused();
  await expect(page.getByText(/stopped: .* of 3,000 passages embedded; what was done is kept/)).toBeVisible();
  await expect(page.getByRole('row', { name: /^harbours/ })).toHaveCount(0);

  await page.reload();
  await press(button('Go on harbours'));
  await expect(button('Pause harbours')).toBeFocused();
  await expect(embedded).toBeVisible({ timeout: 60_000 });
  await page.keyboard.press('Enter');
  await expect(button('Go on harbours')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(embedded).toBeVisible({ timeout: 60_000 });
  await press(button('Cancel harbours'));
  await expect(page.getByText('Cancelled. Nothing was stored.')).toBeVisible();
  await expect(button('Dismiss')).toBeFocused();
  await expect(button('Go on harbours')).toHaveCount(0);

  await filesInput(page).setInputFiles([rowsFile('more.jsonl', lamps(3_000))]);
  await expect(embedded).toBeVisible({ timeout: 60_000 });
  await press(button('Pause more'));
  await expect(button('Go on more')).toBeFocused();
  await press(button('Discard more'));
  await expect(button('Dismiss')).toBeFocused();
});

test('the place is kept while an index is looked at, fetched, paused and cancelled, or left where it lies', async ({
  page,
  watch,
}) => {
  const pack = await startPackServer({ passages: madePassages(80), encoder: null });
  watch.allow(new URL(pack.url).origin);
  try {
    const button = (name: string | RegExp) => page.getByRole('button', { name });
    await openPage(page, '#/corpora');
    await press(page.locator('summary', { hasText: 'Open an index by its address' }));
    const address = page.getByLabel('Address of the index');
    await address.fill(`${pack.hub.url}nothing/here/resolve/main/`);
    watch.expectError(/404/);
    await press(button('Look at it'));
    await press(page.getByRole('alert').getByRole('button', { name: 'Dismiss' }));
    await expect(address).toBeFocused();

    await address.fill(pack.url);
    pack.hub.fail('corpus.json', { kind: 'stall' });
    await press(button('Look at it'));
    await press(button('Cancel'));
    await expect(address).toBeFocused();

    await press(button('Look at it'));
    pack.hub.fail('bm25.bin.00001', { kind: 'stall' }, 9);
    await press(button(/^Fetch /));
    await expect(button('Pause')).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(button('Go on')).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(button('Pause')).toBeFocused();
    await press(button('Cancel'));
    await expect(page.getByRole('region', { name: 'Your corpora' })).toBeFocused();

    await address.fill(pack.url);
    await press(button('Look at it'));
    await press(button(/^Leave it there/));
    await expect(page.getByText('“Lamps” is in the list below.')).toBeVisible();
    await expect(address).toBeFocused();
  } finally {
    await pack.close();
  }
});
