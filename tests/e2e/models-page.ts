/** What tests of the Models page do again and again. */
import type { Locator, Page } from '@playwright/test';
import { expect, openPage } from './guarded-page';

export const here = (page: Page): Locator => page.getByRole('region', { name: 'On this device' });

export const card = (page: Page, name: string): Locator =>
  here(page)
    .getByRole('listitem')
    .filter({ has: page.getByRole('heading', { name, exact: true }) });

/** As a user behind a mirror does it. */
export async function openModels(page: Page, hub: string): Promise<void> {
  await openPage(page, '#/models');
  await page.getByText('Download from elsewhere').click();
  await page.getByLabel('Address of the hub').fill(hub);
  await page.keyboard.press('Enter');
  await expect(page.getByText(`Downloads come from ${new URL(hub).host}`)).toBeVisible();
}

export async function nameModel(page: Page, repository: string, weights: string): Promise<void> {
  const form = page.getByRole('form', { name: 'Bring a model' });
  await form.getByLabel('Repository on the hub').fill(repository);
  await form.getByLabel('Weights').selectOption(weights);
}

/** Drops the demo's folder, which becomes a stored model of the name `demo`. */
export async function dropDemo(page: Page, weights = ''): Promise<Locator> {
  await page.getByRole('form', { name: 'Bring a model' }).getByLabel('Weights').selectOption(weights);
  await page.locator('.zone input[webkitdirectory]').setInputFiles('models/demo');
  const model = card(page, 'demo');
  await expect(model).toContainText(/ready on/, { timeout: 60_000 });
  return model;
}

export const openDetails = (model: Locator): Promise<void> =>
  model.getByRole('button', { name: /^Details/ }).click();

/** Bytes that lie in a folder at the top of the origin's private files. */
export const storedBytes = (page: Page, folder = 'models'): Promise<number> =>
  page.evaluate(async (name) => {
    const sum = async (directory: FileSystemDirectoryHandle): Promise<number> => {
      let bytes = 0;
      for await (const handle of directory.values()) {
        if (handle instanceof FileSystemFileHandle) bytes += (await handle.getFile()).size;
        else if (handle instanceof FileSystemDirectoryHandle) bytes += await sum(handle);
      }
      return bytes;
    };
    const top = await navigator.storage.getDirectory();
    return sum(await top.getDirectoryHandle(name, { create: true }));
  }, folder);
