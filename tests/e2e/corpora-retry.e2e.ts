import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { filesInput, isReady, lamps, rowsFile } from './corpora-page';
import { expect, openPage, test } from './guarded-page';

let root: string;
let hub: HubServer;
/** On the disk, so that it can be taken away: what goes on does not need it. */
let rows: string;

test.beforeEach(async ({ watch }) => {
  root = await mkdtemp(join(tmpdir(), 's3-retry-'));
  await cp('tests/fixtures/tiny-bert-onnx', join(root, 'Xenova', 'e5-small-v2'), { recursive: true });
  hub = await startHubServer(root);
  watch.allow(new URL(hub.url).origin);
  rows = join(root, 'harbours.jsonl');
});
test.afterEach(async () => {
  await hub.close();
  await rm(root, { recursive: true, force: true });
});

test('an import whose encoder does not come goes on where it was when it is tried again, without its files', async ({
  page,
  watch,
}) => {
  watch.expectError(/ERR_CONTENT_LENGTH_MISMATCH|503/);
  await openPage(page, '#/corpora');
  await page.getByLabel('Encoder').selectOption({ label: 'E5 small v2 · 134 MB' });
  await page.getByText('Download from elsewhere').click();
  await page.getByLabel('Address of the hub').fill(hub.url);
  await page.keyboard.press('Enter');
  await writeFile(rows, rowsFile('', lamps(40)).buffer);
  hub.fail('model.onnx', { kind: 'status', status: 503, retryAfter: '0' }, 99);
  await filesInput(page).setInputFiles([rows]);
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('model.onnx could not be loaded', { timeout: 60_000 });
  const kept = page.getByText('stopped: 0 of 40 passages embedded; what was done is kept');
  await expect(kept).toHaveCount(1);
  const goOn = page.getByRole('button', { name: 'Go on harbours' });
  await expect(goOn).toHaveCount(0);
  await rm(rows);

  // Again in vain: it is still there, with the error or, when that is dismissed, by itself.
  await alert.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('button', { name: 'Pause harbours' })).toHaveCount(0, { timeout: 60_000 });
  await expect(alert).toContainText('model.onnx could not be loaded');
  await expect(kept).toHaveCount(1);
  await alert.getByRole('button', { name: 'Dismiss' }).press('Enter');
  await expect(goOn).toBeFocused();
  hub.heal();
  await page.keyboard.press('Enter');
  await isReady(page, 'harbours', 40);
  await expect(page.getByRole('row', { name: /^harbours/ })).toContainText('intfloat/e5-small-v2');
  await expect(goOn).toHaveCount(0);
});

test('an import that was paused, and finds its encoder gone, keeps what it has embedded for the next try', async ({
  page,
  context,
  watch,
}) => {
  watch.expectError(/ERR_CONNECTION_FAILED/);
  await openPage(page, '#/corpora');
  await writeFile(rows, rowsFile('', lamps(3_000)).buffer);
  await filesInput(page).setInputFiles([rows]);
  // The first part is stored then.
  await expect(page.getByText(/(2[6-9]\d|[3-9]\d\d|[12],\d{3}) of 3,000 passages embedded/)).toBeVisible({
    timeout: 60_000,
  });
  await page.getByRole('button', { name: 'Pause harbours' }).click();
  await expect(page.getByRole('button', { name: 'Go on harbours' })).toBeVisible();
  await context.route('**/models/demo-encoder/**', (route) => route.abort('connectionfailed'));
  await page.reload();
  await rm(rows);
  await page.getByRole('button', { name: 'Go on harbours' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('could not be loaded', { timeout: 60_000 });
  await expect(page.getByText(/stopped: [\d,]{3,5} of 3,000 passages embedded/)).toHaveCount(1);

  await context.unrouteAll();
  await alert.getByRole('button', { name: 'Try again' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Pause harbours' })).toBeFocused();
  const first = await page.getByText(/of 3,000 passages embedded/).textContent({ timeout: 60_000 });
  expect(Number(/([\d,]+) of/.exec(first ?? '')?.[1]?.replace(',', ''))).toBeGreaterThanOrEqual(256);
  await page.getByRole('button', { name: 'Cancel harbours' }).click();
  await expect(page.getByText('Cancelled. Nothing was stored.')).toBeVisible();
});
