import AxeBuilder from '@axe-core/playwright';
import { PAGES } from '../../src/state/route';
import { expect, openPage, test } from './guarded-page';
import { s3Upload } from './trace-fixture';

const WIDTHS = [320, 1280];
const THEMES = ['light', 'dark'] as const;
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    test.describe(`${theme}, ${width} px wide`, () => {
      test.use({ colorScheme: theme, viewport: { width, height: 800 } });

      for (const hash of PAGES) {
        test(`the ${hash} page has no accessibility violation and does not scroll sideways`, async ({
          page,
        }) => {
          await openPage(page, `#/${hash}`);
          await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
          const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
          expect(
            violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`),
          ).toEqual([]);
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect(overflow).toBeLessThanOrEqual(0);
        });
      }

      test('a whole trace, opened everywhere, has no accessibility violation', async ({ page }) => {
        await openPage(page);
        await page.locator('input[type=file]').setInputFiles(s3Upload());
        await expect(page.getByText('stops: enough to answer')).toBeVisible();
        const folds = page.getByRole('button', { name: /more, not kept/ });
        while ((await folds.count()) > 0) await folds.first().click();
        for (const row of await page.locator('.document button').all()) await row.click();
        await page.getByRole('button', { name: 'Settings of the run' }).click();
        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
        expect(
          violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`),
        ).toEqual([]);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overflow).toBeLessThanOrEqual(0);
      });

      test('the report of what runs where has no accessibility violation', async ({ page }) => {
        await openPage(page);
        await page.getByRole('button', { name: 'Open the full report' }).click();
        await expect(page.getByRole('dialog')).toContainText('WebGPU adapter');
        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
        expect(violations.map((v) => v.id)).toEqual([]);
      });
    });
  }
}

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
