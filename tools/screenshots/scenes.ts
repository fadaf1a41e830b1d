import type { Page } from '@playwright/test';

export interface Scene {
  name: string;
  hash: string;
  /** Brings the page to the state worth a picture. */
  set: (page: Page) => Promise<unknown>;
  fullPage?: boolean;
}

const ready = (page: Page): Promise<unknown> => page.locator('h1').first().waitFor({ state: 'attached' });

/** Asks the first example and waits for the second answer: a minute where there is no GPU. */
async function askExample(page: Page): Promise<void> {
  await page.locator('.examples button').first().click();
  await page.getByRole('button', { name: 'Export trace' }).waitFor({ timeout: 180_000 });
}

export const SCENES: Scene[] = [
  {
    name: 'ask-first',
    hash: '#/ask',
    set: (page) => page.locator('.examples button').first().waitFor(),
    fullPage: false,
  },
  { name: 'ask', hash: '#/ask', set: askExample },
  {
    name: 'ask-open',
    hash: '#/ask',
    set: async (page) => {
      await askExample(page);
      await page.locator('.document.kept button').nth(1).click();
      await page.getByRole('button', { name: 'Settings of the run' }).click();
    },
  },
  { name: 'corpora', hash: '#/corpora', set: ready },
  { name: 'models', hash: '#/models', set: ready },
  { name: 'glossary', hash: '#/glossary', set: ready },
  {
    name: 'report',
    hash: '#/ask',
    set: async (page) => {
      await page.getByRole('button', { name: 'Open the full report' }).click();
      await page.getByRole('dialog').waitFor();
    },
    fullPage: false,
  },
];
