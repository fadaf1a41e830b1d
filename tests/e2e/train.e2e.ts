import { expect, openPage, test } from './guarded-page';

test('the demo’s model trains on this device: two real steps, their rollouts, a checkpoint, and the run after a reload', async ({
  page,
}) => {
  test.setTimeout(300_000);
  await openPage(page, '#/train');
  const controls = page.getByRole('region', { name: 'Controls of the run' });
  const set = async (name: string, value: string): Promise<void> => {
    const field = page.getByRole('textbox', { name, exact: true });
    await field.fill(value);
    await field.press('Enter');
  };
  await expect(page.getByRole('region', { name: 'What it can learn from' })).toContainText('questions');
  await set('Name of the run', 'Two steps');
  await set('Steps', '2');
  await set('At most', '6');
  await page.locator('summary', { hasText: 'Batches' }).click();
  await set('Mini-batch', '1');
  await set('Questions a step', '2');
  await controls.getByRole('button', { name: 'Start' }).click();
  await expect(controls).toContainText('this tab owns the run', { timeout: 60_000 });
  await expect(controls).toContainText('finished after 2 steps', { timeout: 240_000 });
  await expect(controls).toContainText('checkpoint of step 2 saved');
  await expect(page.getByRole('img', { name: /^Mean reward over 2 steps/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Rollouts of step 2' })).toBeVisible();
  const rollout = page.locator('.rollout').first();
  await expect(rollout).toContainText('begins with the question');
  await rollout.getByRole('button', { name: 'Credit, token by token' }).click();
  await expect(rollout).toContainText(/tokens were better than expected/);

  await page.reload();
  await expect(controls).toContainText('finished after 2 steps');
  await expect(page.getByRole('row', { name: /Two steps/ })).toContainText('finished');
});
