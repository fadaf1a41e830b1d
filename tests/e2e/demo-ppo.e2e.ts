import { LIMIT_MS } from './cold-start';
import { expect, openPage, test } from './guarded-page';

test('the searcher that PPO trained answers beside the one it began from', async ({ page }) => {
  await openPage(page, '#/ask?systems=s3+s3*demo..demo-ppo');
  await expect(page.getByRole('button', { name: /^Systems: s3/ })).toBeVisible();
  await page.locator('.examples button').first().click();
  const answers = page.getByRole('region', { name: /answered$/ });
  await expect(answers).toHaveCount(2, { timeout: LIMIT_MS });
  await expect(answers.nth(0).locator('.meta')).toBeVisible({ timeout: LIMIT_MS });
  await expect(answers.nth(1).locator('.meta')).toBeVisible({ timeout: LIMIT_MS });
  await expect(page.getByText('Demo searcher, trained by PPO').first()).toBeVisible();
});

test('the run that trained it is watched on the Train page, step by step', async ({ page }) => {
  await openPage(page, '#/train');
  await page.getByRole('button', { name: 'Watch the demo’s run' }).click();
  await expect(page.getByRole('row', { name: /The demo’s own run/ })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('img', { name: /^Mean reward over 25 steps/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Rollouts of step 25' })).toBeVisible();
});
