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

/** Two small steps of the demo's model, and the rollouts of the second: a minute or two where there is no GPU. */
async function trainTwoSteps(page: Page): Promise<void> {
  const set = async (name: string, value: string): Promise<void> => {
    const field = page.getByRole('textbox', { name, exact: true });
    await field.fill(value);
    await field.press('Enter');
  };
  await page.getByRole('region', { name: 'What it can learn from' }).getByRole('list').waitFor();
  await set('Steps', '2');
  await set('At most', '6');
  await page.locator('summary', { hasText: 'Batches' }).click();
  await set('Mini-batch', '1');
  await set('Questions a step', '2');
  const controls = page.getByRole('region', { name: 'Controls of the run' });
  await controls.getByRole('button', { name: 'Start' }).click();
  await controls.getByText('finished after 2 steps').waitFor({ timeout: 400_000 });
  await page.locator('.rollout').first().waitFor();
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
  {
    name: 'train-first',
    hash: '#/train',
    set: (page) => page.getByRole('heading', { name: 'Teach the searcher to search' }).waitFor(),
  },
  { name: 'train', hash: '#/train', set: trainTwoSteps },
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
