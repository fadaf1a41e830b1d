import { preview, type Plugin, type PreviewServer } from 'vite';
import { PAGES } from '../../src/state/route';
import { answerOf, expect, test } from './guarded-page';

/** A server that can be taken away, which cutting the network of a tab does not do to the tab's service worker. */
let server: PreviewServer;
let address: string;
/** What the server says of the page's title; none: what was built. */
let title: string | undefined;

/** As after a new build. */
const newerPage: Plugin = {
  name: 'newer-page',
  configurePreviewServer: ({ middlewares }) => {
    middlewares.use((request, response, next) => {
      if (title === undefined || request.url !== '/') next();
      else {
        response.setHeader('Content-Type', 'text/html');
        response.end(`<title>${title}</title><link rel="icon" href="icon.svg" />`);
      }
    });
  },
};

test.use({ serviceWorkers: 'allow' });
test.beforeEach(async () => {
  title = undefined;
  server = await preview({
    logLevel: 'silent',
    plugins: [newerPage],
    preview: { host: '127.0.0.1', port: 0 },
  });
  address = server.resolvedUrls?.local[0] ?? '';
});
test.afterEach(() => server.close());

test('after one visit, every page opens without its server, a question is answered, a document imported', async ({
  page,
  watch,
}) => {
  test.setTimeout(180_000);
  watch.allow(new URL(address).origin);
  await page.goto(address);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.locator('.examples button').first().click();
  for (const system of ['s3', 'plain RAG'] as const) {
    await expect(answerOf(page, system).locator('.meta')).toContainText('demo', { timeout: 60_000 });
  }
  const visitAll = async (): Promise<void> => {
    for (const hash of PAGES) {
      await page.goto(`${address}#/${hash}`);
      await expect(page.locator('main h1')).toBeAttached();
    }
    // The last to come, since it loads the questions to train on.
    await page.goto(`${address}#/train`);
    await expect(page.getByText('1,798 questions')).toBeVisible();
  };
  await visitAll();
  await server.close();
  const reachable = await page.evaluate(() =>
    fetch('/nowhere', { cache: 'no-store' }).then(
      () => true,
      () => false,
    ),
  );
  expect(reachable).toBe(false);
  watch.expectError(/ERR_CONNECTION_REFUSED/);

  await page.goto(`${address}#/ask`);
  await page.reload();
  await page.getByRole('textbox', { name: 'Question' }).fill('Who founded the Korvel Ink Guild?');
  await page.keyboard.press('Enter');
  for (const system of ['s3', 'plain RAG'] as const) {
    await expect(answerOf(page, system).locator('.meta')).toContainText('demo', { timeout: 60_000 });
  }
  await visitAll();

  await page.goto(`${address}#/corpora`);
  await page.locator('input[type=file][multiple]:not([webkitdirectory])').setInputFiles({
    ...{ name: 'lamp.md', mimeType: 'text/markdown' },
    buffer: Buffer.from('# Lamp\n\nThe lamp of the harbour was lit by Ostrander.\n'),
  });
  await expect(page.getByRole('row', { name: /^lamp/ })).toContainText('demo-encoder', { timeout: 60_000 });
});

test('the server’s newer page is shown at once, although an older one is kept', async ({ page, watch }) => {
  watch.allow(new URL(address).origin);
  await page.goto(address);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.reload();
  await expect(page).toHaveTitle(/s3-web/);
  title = 'newer';
  await page.reload();
  await expect(page).toHaveTitle('newer');
});
