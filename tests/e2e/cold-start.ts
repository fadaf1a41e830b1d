import { answerOf, expect, openPage, test } from './guarded-page';

/** A cold load must answer within a minute, with a software adapter and without any. */
export const LIMIT_MS = 60_000;

export function asksTheDemo(device: RegExp, hash = '#/ask'): void {
  test('an example is answered by s3 and by plain RAG within a minute of a cold load', async ({ page }) => {
    const startedAt = Date.now();
    await openPage(page, hash);
    await page.locator('.examples button').first().click();
    await expect(page.getByRole('region', { name: 'Getting ready' })).toBeVisible();
    await expect(answerOf(page, 's3').locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
    expect(Date.now() - startedAt).toBeLessThan(LIMIT_MS);
    await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
    await expect(page.getByRole('region', { name: 'The trace' })).toContainText('begins with the question');
    await expect(page).toHaveURL(/#\/ask\?q=/);
    await page.getByRole('button', { name: 'Open the full report' }).click();
    await expect(page.getByRole('dialog')).toContainText(device);
    // Automatic: on the processor's vectors, which the content security policy lets WebAssembly have.
    if (hash === '#/ask') await expect(page.getByRole('dialog')).toContainText('CPU (WASM SIMD)');
  });
}
