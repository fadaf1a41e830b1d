/** What tests of the Corpora page do again and again. */
import type { Locator, Page } from '@playwright/test';
import { expect } from './guarded-page';

/** The first is that of a new corpus, another that of an update. */
export const filesInput = (page: Page): Locator =>
  page.locator('input[type=file][multiple]:not([webkitdirectory])');

export interface FileToDrop {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export const textFile = (name: string, text: string): FileToDrop => ({
  ...{ name, mimeType: 'text/plain' },
  buffer: Buffer.from(text),
});

export interface Row {
  id: string;
  title: string;
  text: string;
}

export const rowsFile = (name: string, rows: readonly Row[]): FileToDrop => ({
  ...{ name, mimeType: 'application/jsonl' },
  buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
});

export const lamp = (n: number, text = `The lamp of harbour ${n} is kept by Ostrander${n}.`): Row => ({
  ...{ id: `lamp-${n}`, title: `Lamp ${n}`, text },
});
export const lamps = (count: number, from = 0): Row[] =>
  Array.from({ length: count }, (_, i) => lamp(from + i));

/** What is imported from now on is searched by words alone, which is quick. */
export const withoutEncoder = async (page: Page): Promise<void> => {
  await page.getByLabel('Encoder').selectOption({ label: 'none: search by words only (BM25)' });
};

export async function isReady(page: Page, name: string, passages: number): Promise<void> {
  const words = `“${name}” is ready: ${passages} ${passages === 1 ? 'passage' : 'passages'}.`;
  await expect(page.getByText(words)).toBeVisible({ timeout: 60_000 });
}

export async function searchIn(page: Page, name: string, query: string): Promise<void> {
  await page.getByRole('button', { name: `Search in ${name}` }).click();
  await page.getByRole('textbox', { name: 'Query' }).fill(query);
  await page.keyboard.press('Enter');
}

/** Presses a button as one does without a mouse. */
export async function press(button: Locator): Promise<void> {
  await button.focus();
  await button.press('Enter');
}
