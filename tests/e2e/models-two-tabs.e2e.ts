import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { expect, openPage, test } from './guarded-page';
import { card, here, nameModel, openModels, storedBytes } from './models-page';

const REPOSITORY = 'owner/demo';
let root: string;
let hub: HubServer;
test.beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-tabs-'));
  await cp('models/demo', join(root, REPOSITORY), { recursive: true });
});
test.afterAll(() => rm(root, { recursive: true, force: true }));
test.beforeEach(async ({ watch }) => {
  hub = await startHubServer(root);
  watch.allow(new URL(hub.url).origin);
});
test.afterEach(() => hub.close());

test('a second tab that wants the same model is told that it is busy, and finds it afterwards', async ({
  page,
  context,
}) => {
  const other = await context.newPage();
  const errors: string[] = [];
  other.on('pageerror', (error) => errors.push(error.message));
  await openModels(page, hub.url);
  // The address of the hub is remembered on this device.
  await openPage(other, '#/models');
  // The tables and the first tensor come; then it takes half a minute for each of the next ones, however quick the machine is.
  hub.fail('model.safetensors', { kind: 'stall', bytes: 120_000 }, 100);
  await nameModel(page, REPOSITORY, 'q8');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(card(page, REPOSITORY)).toContainText(/downloading and quantising/, { timeout: 60_000 });

  await nameModel(other, REPOSITORY, 'q8');
  await other.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(here(other).getByRole('alert')).toContainText(
    'is being downloaded already, in this tab or another',
  );
  await here(other).getByRole('button', { name: 'Dismiss' }).click();
  // What the list shows of it there offers nothing that could disturb.
  await other.reload();
  await expect(card(other, REPOSITORY)).toContainText('being downloaded in another tab');
  await expect(card(other, REPOSITORY).getByRole('button')).toHaveCount(0);

  // The first goes on undisturbed, and both have the one model.
  await card(page, REPOSITORY).getByRole('button', { name: 'Pause' }).click();
  await expect(card(page, REPOSITORY)).toContainText(/paused/);
  hub.heal();
  await card(page, REPOSITORY)
    .getByRole('button', { name: /^Resume/ })
    .click();
  await expect(card(page, REPOSITORY)).toContainText(/ready on/, { timeout: 60_000 });
  await other.reload();
  await expect(card(other, REPOSITORY)).toContainText('stored');
  await card(other, REPOSITORY).getByRole('button', { name: /^Load/ }).click();
  await expect(card(other, REPOSITORY)).toContainText(/ready on/, { timeout: 60_000 });
  expect(await storedBytes(other)).toBe(await storedBytes(page));
  expect(errors).toEqual([]);
});
