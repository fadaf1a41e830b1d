import { PAGES } from '../../src/state/route';
import { expectAccessibleIn, type Appearance } from './accessibility';
import { expect, openPage, test } from './guarded-page';
import { s3Upload } from './trace-fixture';

const EVERY: readonly Appearance[] = [
  ['light', 320],
  ['light', 1280],
  ['dark', 1280],
  ['dark', 320],
];

test.use({ colorScheme: 'light', viewport: { width: 320, height: 860 } });

for (const hash of PAGES) {
  test(`the ${hash} page is accessible in every appearance and does not scroll sideways`, async ({
    page,
  }) => {
    await openPage(page, `#/${hash}`);
    await expectAccessibleIn(page, EVERY);
  });
}

test('a whole trace, opened everywhere, is accessible in every appearance', async ({ page }) => {
  await openPage(page);
  await page.locator('input[type=file]').setInputFiles(s3Upload());
  await expect(page.getByText('stops: enough to answer')).toBeVisible();
  const folds = page.getByRole('button', { name: /more, not kept/ });
  while ((await folds.count()) > 0) await folds.first().click();
  for (const row of await page.locator('.document button').all()) await row.click();
  await page.getByRole('button', { name: 'Settings of the run' }).click();
  await expectAccessibleIn(page, EVERY);
});

test('the report of what runs where is accessible in every appearance', async ({ page }) => {
  await openPage(page);
  await page.getByRole('button', { name: 'Open the full report' }).click();
  await expect(page.getByRole('dialog')).toContainText('WebGPU adapter');
  await expectAccessibleIn(page, EVERY);
});

test('the theme switch goes round and is remembered', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await openPage(page);
  const html = page.locator('html');
  await page.getByRole('button', { name: /^Theme: as the system/ }).click();
  await page.getByRole('button', { name: /^Theme: light/ }).click();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(html).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('button', { name: /^Theme: dark/ }).click();
  await expect(html).toHaveAttribute('data-theme', 'light');
});

test('the first visit is focused on the question and offers three examples', async ({ page }) => {
  await openPage(page);
  await expect(page.getByRole('textbox', { name: 'Question' })).toBeFocused();
  await expect(page.locator('.examples button')).toHaveCount(3);
  await expect(page.getByText('Nothing you type leaves it')).toBeVisible();
});
