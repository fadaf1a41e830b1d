import { asksTheDemo, LIMIT_MS } from './cold-start';
import { answerOf, expect, openPage, test } from './guarded-page';
import { traceMainThread } from './main-thread';

/** A user notices a page that does not answer for longer. */
const NOTICED_MS = 50;

// `device=webgpu` is taken at its word: an answer means that the model ran there.
test.describe('with WebGPU asked for', () => {
  asksTheDemo(/software adapter/i, '#/ask?device=webgpu');
});

test.describe('with a software adapter, which automatic leaves alone', () => {
  asksTheDemo(/software adapter/i);

  test('stopping keeps what was found, and the next question is answered', async ({ page }) => {
    await openPage(page);
    await page.locator('.examples button').first().click();
    await page.getByRole('button', { name: 'Stop' }).click();
    await expect(page.getByText('Stopped. What was found so far stands above.')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Ask', exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
  });

  test('the page stays responsive while the agent runs', async ({ page }) => {
    const answered = () =>
      expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
    await openPage(page);
    // The first run has the models loaded beside it.
    const cold = await traceMainThread(page, async () => {
      await page.locator('.examples button').first().click();
      await answered();
    });
    const runs = [cold];
    for (let i = 0; i < 3; i++) {
      runs.push(
        await traceMainThread(page, async () => {
          await page.getByRole('button', { name: 'Ask', exact: true }).click();
          await expect(page.getByRole('button', { name: 'Stop' })).toBeVisible();
          await answered();
        }),
      );
      if ((runs.at(-1)?.longestMs ?? Infinity) < NOTICED_MS) break;
    }
    test.info().annotations.push({ type: 'main thread', description: JSON.stringify(runs) });
    // What the page itself computes holds whatever else the machine does.
    for (const { tasks, longestComputingMs } of runs) {
      expect(tasks).toBeGreaterThan(50);
      expect(longestComputingMs).toBeLessThan(NOTICED_MS);
    }
    // By the clock, a machine with other work may take the processor away in one run, hardly in each.
    expect(Math.min(...runs.map(({ longestMs }) => longestMs))).toBeLessThan(NOTICED_MS);
  });

  test('a journey by keyboard alone: ask, walk the thread, open a passage', async ({ page }) => {
    await openPage(page);
    await expect(page.getByRole('textbox', { name: 'Question' })).toBeFocused();
    await page.keyboard.type('Who built the Bold Holter?');
    await page.keyboard.press('Enter');
    await expect(answerOf(page, 'plain RAG').locator('.meta')).toContainText('demo', { timeout: LIMIT_MS });
    await page.keyboard.press('Tab');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const focused = page.locator(':focus');
    await page.keyboard.press('Enter');
    await expect(focused).toHaveAttribute('aria-expanded', 'true');
    await expect(page.locator('.document.open .text')).toBeVisible();
  });
});
