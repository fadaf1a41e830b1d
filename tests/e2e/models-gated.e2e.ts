import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePeftAdapter } from '../../src/lm/lora/write-peft';
import { startHubServer, type HubServer } from '../servers/hub-server';
import { expect, test } from './guarded-page';
import { card, here, nameModel, openDetails, openModels } from './models-page';

const REPOSITORY = 'owner/gated';
const ADAPTER = 'owner/steps';
let root: string;
let hub: HubServer;

test.beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-gated-'));
  await cp('models/demo', join(root, REPOSITORY), { recursive: true });
  const config = JSON.parse(await readFile('models/demo/config.json', 'utf8')) as {
    hidden_size: number;
    num_hidden_layers: number;
  };
  const [rank, width] = [2, config.hidden_size];
  const half = (count: number): Float32Array => new Float32Array(count).fill(0.01);
  const pair = { layer: 0, module: 'q_proj' as const, rank, alpha: 4 };
  const files = writePeftAdapter(
    {
      ...{ rankStabilised: false, baseModel: REPOSITORY },
      pairs: [{ ...pair, down: half(rank * width), up: half(rank * width) }],
    },
    config.num_hidden_layers,
  );
  await mkdir(join(root, ADAPTER), { recursive: true });
  for (const { path, bytes } of files) await writeFile(join(root, ADAPTER, path), bytes);
});
test.afterAll(() => rm(root, { recursive: true, force: true }));
test.beforeEach(async ({ watch }) => {
  hub = await startHubServer(root, { token: 'hf_right' });
  watch.allow(new URL(hub.url).origin);
  watch.expectError(/401|403/);
});
test.afterEach(() => hub.close());

test('a gated repository is paused, and asks for the token again after a reload', async ({ page }) => {
  await openModels(page, hub.url);
  await nameModel(page, REPOSITORY, 'q8');
  const form = page.getByRole('form', { name: 'Bring a model' });
  await form.getByLabel('Access token').fill('hf_right');
  hub.fail('model.safetensors', { kind: 'stall', bytes: 500_000 });
  await form.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(card(page, REPOSITORY)).toContainText(/downloading and quantising/, { timeout: 60_000 });
  await card(page, REPOSITORY).getByRole('button', { name: 'Pause' }).click();
  await expect(card(page, REPOSITORY)).toContainText(/paused/);

  await page.reload();
  await card(page, REPOSITORY)
    .getByRole('button', { name: /^Resume/ })
    .click();
  const token = card(page, REPOSITORY).getByRole('textbox', { name: `Access token for ${REPOSITORY}` });
  await expect(token).toBeVisible();
  await token.fill('hf_wrong');
  await page.keyboard.press('Enter');
  await expect(token).toHaveValue('');
  await token.fill('hf_right');
  await page.keyboard.press('Enter');
  await expect(card(page, REPOSITORY)).toContainText(/ready on/, { timeout: 60_000 });
  expect(
    await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href])),
  ).not.toContain('hf_');

  await openDetails(card(page, REPOSITORY));
  const adapter = card(page, REPOSITORY).getByRole('form', { name: 'Fetch the adapter' });
  await adapter.getByLabel('Or its repository on the hub').fill('nothing');
  await page.keyboard.press('Enter');
  await expect(card(page, REPOSITORY)).toContainText('Write it as owner/name');
  await adapter.getByLabel('Or its repository on the hub').fill(ADAPTER);
  await page.keyboard.press('Enter');
  await expect(here(page).getByRole('alert').first()).toContainText(/token/i);
  await adapter.getByLabel('Access token').fill('hf_right');
  await adapter.getByRole('button', { name: 'Fetch the adapter' }).click();
  await expect(card(page, REPOSITORY).getByRole('button', { name: `Remove ${ADAPTER}` })).toBeVisible();
  await expect(
    page
      .getByRole('region', { name: 'Searcher', exact: true })
      .getByRole('radio', { name: /gated \+ owner\/steps/ }),
  ).toBeVisible();
});

test('the type of the weights in memory is chosen, with the memory that it needs', async ({ page }) => {
  await openModels(page, hub.url);
  await nameModel(page, REPOSITORY, 'q8');
  await page.getByRole('form', { name: 'Bring a model' }).getByLabel('Access token').fill('hf_right');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const model = card(page, REPOSITORY);
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  await openDetails(model);
  const choice = model.getByLabel('Weights in memory');
  await expect(choice.locator('option')).toHaveText([/as stored, q8 \(.*B\)/, /^q4.* \(.*B\)/]);
  await choice.selectOption('q4');
  await expect(model).not.toContainText('ready on');
  await model.getByRole('button', { name: /^Load/ }).click();
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  await page.getByRole('button', { name: /Open the full report/ }).click();
  await expect(page.getByRole('dialog')).toContainText('Models in memory');
  await expect(page.getByRole('dialog')).toContainText(/CPU.* · q4 · /);
});
