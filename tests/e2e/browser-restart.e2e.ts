import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { expect, openPage, test } from './guarded-page';

const note = {
  name: 'lighthouse.md',
  mimeType: 'text/markdown',
  buffer: Buffer.from('# Lighthouse\n\nIts keeper is called Ostrander.\n'.repeat(2_000)),
};

const usedBytes = (page: Page) => page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);

test('what a deleted corpus took is not counted after the browser was started again', async ({
  launchOptions,
  baseURL,
}) => {
  const profile = await mkdtemp(join(tmpdir(), 's3-profile-'));
  const started: BrowserContext[] = [];
  const start = async (): Promise<Page> => {
    const context = await chromium.launchPersistentContext(profile, {
      ...launchOptions,
      ...(baseURL !== undefined && { baseURL }),
    });
    started.push(context);
    const page = context.pages()[0] ?? (await context.newPage());
    await openPage(page, '#/corpora');
    return page;
  };
  const stop = async (page: Page): Promise<void> => {
    await page.goto('about:blank');
    await page.context().close();
  };

  try {
    let page = await start();
    await page.getByLabel('Encoder').selectOption({ label: 'none: search by words only (BM25)' });
    await page.locator('input[type=file][multiple]:not([webkitdirectory])').setInputFiles(note);
    const row = () => page.getByRole('row', { name: /^lighthouse/ });
    await expect(row()).toBeVisible({ timeout: 60_000 });
    await stop(page);

    page = await start();
    await row()
      .getByRole('button', { name: /^Delete/ })
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect(row()).toHaveCount(0);
    await stop(page);

    // A browser that took the files away twice counts below zero, which it shows as 4 GiB.
    page = await start();
    await expect(page.getByRole('region', { name: 'Storage' })).toContainText(/used/);
    expect(await usedBytes(page)).toBeLessThan(100e6);
    await stop(page);
  } finally {
    await Promise.all(started.map((context) => context.close()));
    await rm(profile, { recursive: true, force: true });
  }
});
