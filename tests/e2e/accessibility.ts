/** What a page is held to in every theme and at every width. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

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
