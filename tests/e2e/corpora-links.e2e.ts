import type { Page } from '@playwright/test';
import { ANALYZER_ID } from '../../src/retrieval/bm25/analyzer';
import { buildBm25 } from '../../src/retrieval/bm25/bm25-retriever';
import { engineOf } from '../../src/retrieval/remote/open-remote';
import { pushCorpus } from '../../src/retrieval/remote/push';
import { remoteLink } from '../../src/retrieval/remote/remote-reference';
import { systemClock } from '../../src/platform/clock';
import { startEngineServer, type EngineServer } from '../servers/engine-server';
import { madePassages, startPackServer, type PackServer } from '../servers/pack-server';
import { expectAccessibleIn, type Appearance } from './accessibility';
import { searchIn } from './corpora-page';
import { expect, openPage, test } from './guarded-page';

const passages = madePassages(80);
let pack: PackServer;
let engine: EngineServer;

test.beforeAll(async () => {
  pack = await startPackServer({ passages, encoder: null });
  engine = await startEngineServer({ kind: 'qdrant', key: 'a-word' });
  const tools = { fetch, clock: systemClock, key: () => 'a-word' };
  const source = {
    name: 'Lamps there',
    pack: 'a'.repeat(64),
    encoder: null,
    analyzer: ANALYZER_ID,
    vectorAt: null,
  };
  const bm25 = await buildBm25(passages);
  await pushCorpus({ ...source, passages, bm25 }, engineOf(remoteLink('qdrant', engine.url, 'lamps'), tools));
});
test.afterAll(async () => {
  await pack.close();
  await engine.close();
});
test.beforeEach(({ watch }) => {
  pack.hub.heal();
  watch.allow(new URL(pack.url).origin);
  watch.allow(engine.url);
});

async function look(page: Page, address: string): Promise<void> {
  const summary = page.getByText('Open an index by its address');
  if (!(await page.getByLabel('Address of the index').isVisible())) await summary.click();
  await page.getByLabel('Address of the index').fill(address);
  await page.getByRole('button', { name: 'Look at it' }).click();
}

test('a pack is looked at, fetched whole, paused, gone on with after a reload, and searched', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  await look(page, pack.url);
  await expect(page.getByText('80 passages, searchable by words')).toBeVisible();
  // The last chunk does not come: what is there waits for it.
  pack.hub.fail('bm25.bin.00001', { kind: 'stall' }, 9);
  await page.getByRole('button', { name: /^Fetch / }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByText(/paused at/)).toBeVisible();
  pack.hub.heal();
  await page.reload();
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.getByText('“Lamps” is ready: 80 passages.')).toBeVisible();
  await searchIn(page, 'Lamps', 'lamp 42');
  const column = page.getByRole('region', { name: 'BM25: by words' });
  await expect(column.getByRole('button').first()).toContainText('Lamp 42');
  await column.getByRole('button').first().click();
  await expect(page.getByRole('dialog')).toContainText('p42');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('row', { name: /^Lamps/ })).toContainText('words');
});

test('a pack left where it lies is searched by range, and is a corpus of the Ask page', async ({ page }) => {
  await openPage(page, '#/corpora');
  await look(page, `${pack.url}corpus.json`);
  await page.getByRole('button', { name: /^Leave it there/ }).click();
  const row = page.getByRole('row', { name: /^Lamps/ });
  await expect(row).toContainText(`at its address · ${new URL(pack.url).host}`);
  await searchIn(page, 'Lamps', 'lamp 42');
  await expect(page.getByRole('region', { name: 'BM25: by words' })).toContainText('Lamp 42');
  await page.reload();
  await row.getByRole('button', { name: 'Ask over this' }).click();
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  await page.getByRole('textbox', { name: 'Question' }).fill('Where is lamp 42?');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: 'The trace' })).toContainText('Lamp 42', { timeout: 60_000 });
});

test('the pack that the page offers is opened in one click, and searched in three ways', async ({ page }) => {
  await openPage(page, '#/corpora');
  await page.getByText('Open an index by its address').click();
  await page.getByRole('button', { name: 'Demo encyclopaedia, as a pack', exact: true }).click();
  await expect(page.getByText('2,000 passages, embedded by demo-encoder')).toBeVisible();
  await page.getByRole('button', { name: /^Leave it there/ }).click();
  await searchIn(page, 'Demo encyclopaedia, as a pack', 'Who founded the lamp guild?');
  for (const mode of ['Dense: by meaning', 'BM25: by words', 'Hybrid: both ranks fused']) {
    await expect(page.getByRole('region', { name: mode }).getByRole('button')).toHaveCount(10, {
      timeout: 60_000,
    });
  }
});

test('an address without a pack is told in plain words', async ({ page, watch }) => {
  watch.expectError(/404/);
  await openPage(page, '#/corpora');
  await look(page, `${pack.hub.url}packs/none/resolve/main/`);
  await expect(page.getByRole('alert')).toContainText('There is no index at this address');
  await page.getByRole('alert').getByRole('button', { name: 'Dismiss' }).click();
  for (const wrong of ['ftp://x', 'no address']) {
    await look(page, wrong);
    await expect(page.getByRole('alert')).toContainText('no address of an index');
    await page.getByRole('alert').getByRole('button', { name: 'Dismiss' }).click();
  }
});

test('a server is tested, connected with a key, searched, and asks for the key again after a reload', async ({
  page,
  watch,
}) => {
  watch.expectError(/401/);
  await openPage(page, '#/corpora');
  await page.getByText('Connect a retrieval server').click();
  const form = page.getByRole('form', { name: 'Retrieval server' });
  await form.getByLabel('Address').fill(engine.url);
  await form.getByLabel('Collection').fill('lamps');
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form).toContainText('Check the key');
  await form.getByLabel('Key').fill('a-word');
  await form.getByRole('button', { name: 'Test connection' }).click();
  await expect(form).toContainText('The server answers: 80 passages, searchable by words.');
  await form.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect(page.getByText('“Lamps there” is in the list below.')).toBeVisible();
  const row = page.getByRole('row', { name: /^Lamps there/ });
  await expect(row).toContainText('Qdrant');
  await expect(page.getByText('nothing leaves this tab')).toBeVisible();
  await row.getByRole('button', { name: 'Ask over this' }).click();
  await expect(page.getByText('nothing leaves this tab')).toHaveCount(0);
  await expect(page.getByRole('banner')).toContainText(`queries go to ${new URL(engine.url).host}`);
  await searchIn(page, 'Lamps there', 'lamp 42');
  const column = page.getByRole('region', { name: 'BM25: by words' });
  await expect(column).toContainText('Lamp 42');
  await page.reload();
  await searchIn(page, 'Lamps there', 'lamp 42');
  await expect(column.getByRole('alert')).toContainText('401');
  await page.getByLabel(/^Key for/).fill('a-word');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await page.getByRole('textbox', { name: 'Query' }).press('Enter');
  await expect(column).toContainText('Lamp 42');
});

const APPEARANCES: readonly Appearance[] = [
  ['light', 390],
  ['light', 1280],
  ['dark', 1280],
  ['dark', 390],
];

test('the demo searched in three ways is accessible in either theme and at any width, and nothing scrolls sideways', async ({
  page,
}) => {
  await openPage(page, '#/corpora');
  for (const words of ['Open an index by its address', 'Connect a retrieval server', 'How texts are cut']) {
    await page.getByText(words).click();
  }
  await page.getByRole('button', { name: /^Search in Demo/ }).click();
  await expect(page.getByRole('textbox', { name: 'Query' })).toBeFocused();
  await page.keyboard.type('Who founded the lamp guild?');
  await page.keyboard.press('Enter');
  const hybrid = page.getByRole('region', { name: 'Hybrid: both ranks fused' });
  await expect(hybrid.getByRole('button')).toHaveCount(10, { timeout: 60_000 });
  await expect(hybrid).toContainText('in BM25');
  await expectAccessibleIn(page, APPEARANCES);
  await hybrid.getByRole('button').first().press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessibleIn(page, APPEARANCES, 'dialog');
});
