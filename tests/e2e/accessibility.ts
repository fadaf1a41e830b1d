/** What a page is held to in every theme and at every width. */
import AxeBuilder from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds wrong on the page, or within a part of it, with where. */
export async function violations(page: Page, part = 'html'): Promise<string[]> {
  // The links of the header are near whatever is scrolled below it, where nobody can point at it.
  await page.evaluate(() => scrollTo(0, 0));
  const found = await new AxeBuilder({ page }).include(part).withTags(TAGS).analyze();
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

/** By how many pixels the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

export async function expectAccessible(page: Page, part?: string): Promise<void> {
  // High enough that a bar at the bottom covers nothing, which axe would take for small targets.
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: page.viewportSize()?.width ?? 1280, height: height + 200 });
  expect(await violations(page, part)).toEqual([]);
  expect(await overflow(page)).toBeLessThanOrEqual(0);
}

export type Appearance = readonly [theme: 'light' | 'dark', width: number];

/** Both themes and both widths; pages that are heavy to look at are seen in these two only, the others in every pair. */
export const OPPOSITES: readonly Appearance[] = [
  ['light', 1280],
  ['dark', 390],
];

/** The same page, as it stands, looked at in one appearance after the other: loading it anew for each takes longer than looking. */
export async function expectAccessibleIn(
  page: Page,
  appearances: readonly Appearance[],
  part?: string,
): Promise<void> {
  for (const [theme, width] of appearances) {
    await test.step(`${theme}, ${width} px wide`, async () => {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize({ width, height: 860 });
      await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
      await expectAccessible(page, part);
    });
  }
}
