import { answerOf, expect, openPage, test } from './guarded-page';
import { dropDemo } from './models-page';

test('the graphics process crashes while a text is generated: the page says so, loads the model again, and goes on', async ({
  page,
  browser,
  watch,
}) => {
  test.setTimeout(240_000);
  watch.expectError(/WebGPU|GPU|device|context/i);
  // Short prompts: a software adapter needs a second for a hundred tokens, and the loss comes in the first turn.
  await openPage(page, '#/models?device=webgpu&turns=1&found=3');
  const model = await dropDemo(page, 'f32');
  await expect(model).toContainText(/ready on WebGPU/);
  for (const role of ['searcher', 'generator']) {
    await model.getByRole('button', { name: new RegExp(`^Use as ${role}`) }).click();
  }
  await page.getByRole('link', { name: 'Ask', exact: true }).click();
  const first = page.locator('.examples button').first();
  const question = (await first.textContent())?.trim() ?? '';
  await first.click();
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
  await expect(page.getByText(/ready on WebGPU/).last()).toBeVisible({ timeout: 60_000 });

  const session = await browser.newBrowserCDPSession();
  // Answers, or is cut off with the process that it ends.
  await session.send('Browser.crashGpuProcess').catch(() => undefined);

  await expect(page.getByRole('status').filter({ hasText: 'The graphics device was lost' })).toBeVisible({
    timeout: 60_000,
  });
  const answer = answerOf(page, 's3');
  await expect(answer.locator('.meta')).toBeVisible({ timeout: 120_000 });
  await expect(page.getByText(/is loaded again, on/)).toBeVisible();
  const interrupted = await answer.locator('.text').first().textContent();

  // The same question again, undisturbed.
  await page.getByRole('textbox', { name: 'Question' }).fill(question);
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(answer.locator('.meta')).toBeVisible({ timeout: 120_000 });
  expect(await answer.locator('.text').first().textContent()).toBe(interrupted);
});
