import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, openPage, test } from './guarded-page';
import { card, dropDemo, openDetails, storedBytes } from './models-page';

const run = promisify(execFile);

/** As the browsers without the directory chooser are. */
const withoutChooser = (): void => {
  Reflect.deleteProperty(globalThis, 'showDirectoryPicker');
};
/** The chooser is the browser's own window, which no test can operate; a folder of the private files stands in for the chosen one. */
const chosen = (): void => {
  Reflect.set(globalThis, 'showDirectoryPicker', async () =>
    (await navigator.storage.getDirectory()).getDirectoryHandle('chosen', { create: true }),
  );
};

test('a pack is downloaded as a tar, and comes back under another name with the same files', async ({
  page,
}, info) => {
  await page.addInitScript(withoutChooser);
  await openPage(page, '#/models');
  const model = await dropDemo(page, 'q8');
  await openDetails(model);
  const bytes = await storedBytes(page);
  const download = page.waitForEvent('download');
  await model.getByRole('button', { name: 'Download', exact: true }).click();
  const file = await download;
  expect(file.suggestedFilename()).toBe('demo-pack.tar');
  const folder = info.outputPath('unpacked');
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xf', await file.path(), '-C', folder]);
  await expect(model).toContainText(/demo-pack\.tar with \d+ files, .* is in your downloads/);
  // Put together from what lies there, without a copy.
  expect(await storedBytes(page, 'exports')).toBe(0);
  const manifest = await readFile(join(folder, 'demo-pack', 'pack.json'), 'utf8');
  await page.locator('.zone input[webkitdirectory]').setInputFiles(join(folder, 'demo-pack'));
  const again = card(page, 'demo-pack');
  await expect(again).toContainText(/ready on/, { timeout: 60_000 });
  expect(await storedBytes(page)).toBe(2 * bytes);
  const kept = await page.evaluate(async () => {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('models');
    const texts: string[] = [];
    for await (const one of models.values()) {
      if (!(one instanceof FileSystemDirectoryHandle)) continue;
      texts.push(await (await (await one.getFileHandle('pack.json')).getFile()).text());
    }
    return texts;
  });
  expect(kept).toEqual([manifest, manifest]);
});

test('safetensors are made, downloaded, and freed when the page was closed', async ({ page }, info) => {
  await page.addInitScript(withoutChooser);
  await openPage(page, '#/models');
  const model = await dropDemo(page);
  await openDetails(model);
  await model.getByLabel('As', { exact: true }).selectOption('safetensors');
  await model.getByRole('form', { name: 'Export demo' }).getByLabel('Weights').selectOption('f32');
  const download = page.waitForEvent('download');
  await model.getByRole('button', { name: 'Download', exact: true }).click();
  const folder = info.outputPath('unpacked');
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xf', await (await download).path(), '-C', folder]);
  const names = await readdir(join(folder, 'demo-f32'));
  expect(names).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']));
  expect(await storedBytes(page, 'exports')).toBeGreaterThan(1e6);
  await page.reload();
  await openDetails(card(page, 'demo'));
  const second = page.waitForEvent('download');
  await card(page, 'demo').getByRole('button', { name: 'Download', exact: true }).click();
  await second;
  expect(await storedBytes(page, 'exports')).toBe(0);
});

test('files are written into a new folder of the one that was chosen', async ({ page }) => {
  await page.addInitScript(chosen);
  await openPage(page, '#/models');
  const model = await dropDemo(page, 'q4');
  await openDetails(model);
  for (const name of ['demo-pack', 'demo-pack-2']) {
    await model.getByRole('button', { name: 'Choose a folder' }).click();
    await expect(model).toContainText(new RegExp(`Written: \\d+ files, .*, in the folder ${name}\\.`));
  }
  const bytes = await storedBytes(page);
  expect(await storedBytes(page, 'chosen')).toBe(2 * bytes);
});
