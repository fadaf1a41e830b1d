import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, preview, type PreviewServer } from 'vite';
import { expect, test as base, type Page } from '@playwright/test';

/** The page over a scripted trainer, built once for a worker of the tests: every situation of a run without hours of training. */
export const test = base.extend<{ open: (training: string) => Promise<Page> }, { scripted: string }>({
  scripted: [
    async ({ browserName: _ }, use) => {
      const outDir = await mkdtemp(join(tmpdir(), 's3-scripted-'));
      let server: PreviewServer | undefined;
      try {
        await build({ mode: 'scripted', logLevel: 'error', build: { outDir, emptyOutDir: true } });
        server = await preview({
          build: { outDir },
          preview: { port: 0, host: '127.0.0.1' },
          logLevel: 'error',
        });
        const [address = ''] = server.resolvedUrls?.local ?? [];
        await use(address);
      } finally {
        await server?.close();
        await rm(outDir, { recursive: true, force: true });
      }
    },
    { scope: 'worker', timeout: 240_000 },
  ],
  open: async ({ page, scripted }, use) => {
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    await use(async (training) => {
      await page.goto(`${scripted}?training=${training}#/train`);
      await page.getByRole('region', { name: 'Controls of the run' }).waitFor();
      return page;
    });
    expect(errors, 'errors on the page').toEqual([]);
  },
});
export { expect };
