import { test as base, expect, type Page } from '@playwright/test';

export interface Watch {
  /** Requests to other origins. */
  readonly foreign: string[];
  /** Console errors, uncaught errors, refusals of the policy. */
  readonly errors: string[];
  /** Origins that a test lets the page talk to. */
  allow(origin: string): void;
  /** Console errors that belong to what a test provokes. */
  expectError(pattern: RegExp): void;
}

/**
 * A page that is watched: at the end of every test, no request has left the origin, nothing was reported as an error, and
 * nothing was refused by the content security policy.
 */
export const test = base.extend<{ watch: Watch }>({
  watch: [
    async ({ page, baseURL }, use) => {
      const allowed = new Set([new URL(baseURL ?? '').origin]);
      const expected: RegExp[] = [];
      const foreign: string[] = [];
      const errors: string[] = [];
      page.on('request', (request) => {
        const url = new URL(request.url());
        const own = url.protocol === 'blob:' || url.protocol === 'data:' || allowed.has(url.origin);
        if (!own) foreign.push(request.url());
      });
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      page.on('pageerror', (error) => errors.push(error.message));
      await use({
        foreign,
        errors,
        allow: (origin) => void allowed.add(origin),
        expectError: (pattern) => void expected.push(pattern),
      });
      expect(foreign, 'requests that left the origin').toEqual([]);
      expect(
        errors.filter((error) => !expected.some((pattern) => pattern.test(error))),
        'errors on the page',
      ).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function openPage(page: Page, hash = '#/ask'): Promise<void> {
  await page.goto(`/${hash}`);
  await page.locator('main h1').waitFor({ state: 'attached' });
}

/** The answer of s3, once it is there. */
export const answerOf = (page: Page, system: 's3' | 'plain RAG') =>
  page.getByRole('region', { name: `${system} answered` });

export async function ask(page: Page, question: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Question' }).fill(question);
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
}
