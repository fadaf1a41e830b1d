import type { Page } from '@playwright/test';
import { expectAccessible, expectAccessibleIn, OPPOSITES } from './accessibility';
import { traceMainThread } from './main-thread';
import { expect, test } from './train-scripted-page';

// One build of the scripted page for the whole file.
test.describe.configure({ mode: 'default' });

const controls = (page: Page) => page.getByRole('region', { name: 'Controls of the run' });
const showRun = async (page: Page, name: string) => {
  await page.getByRole('button', { name: `Show ${name}`, exact: true }).click();
  await expect(page.getByRole('img', { name: /^Mean reward over/ })).toBeVisible();
};

test('the empty page, its recipe opened everywhere, is accessible', async ({ open }) => {
  const page = await open('');
  await expect(page.getByRole('heading', { name: 'Teach the searcher to search' })).toBeVisible();
  const folded = page.locator('.recipe details:not([open]) > summary');
  while ((await folded.count()) > 0) await folded.first().click();
  await page.getByRole('button', { name: 'What is Policy’s learning rate?' }).click();
  await expect(page.getByText('The size of its updates. Adapters take')).toBeVisible();
  await expectAccessibleIn(page, OPPOSITES);
});

test('a run full of data, its rollouts and all its curves open, is accessible', async ({ open }) => {
  const page = await open('full');
  await showRun(page, 'Demo run');
  const more = page.getByRole('button', { name: /^all \d+/ });
  while ((await more.count()) > 0) await more.first().click();
  await page.getByRole('checkbox', { name: 'Draw Demo with GRPO beside' }).check();
  await page.getByRole('button', { name: 'Credit, token by token' }).last().click();
  await page.getByText('75 tokens of what was found').click();
  await expectAccessibleIn(page, OPPOSITES);
  await page.getByText('Table', { exact: true }).click();
  await expect(page.getByRole('region', { name: 'Policy, step by step' })).toBeVisible();
  await expectAccessibleIn(page, OPPOSITES);
});

test('a run is begun, paused, stepped, resumed and stopped by keyboard alone', async ({ open }) => {
  const page = await open('');
  await page.getByRole('button', { name: 'Train on the demo questions' }).focus();
  await page.keyboard.press('Enter');
  await expect(controls(page)).toContainText(/step \d+ of 200/);
  await expect(page.getByRole('img', { name: /^Mean reward over/ })).toBeVisible();
  const press = async (name: string): Promise<void> => {
    await controls(page).getByRole('button', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
  };
  await press('Pause');
  await expect(controls(page)).toContainText(/paused at step \d+ of 200/);
  const at = Number(/paused at step (\d+)/.exec(await controls(page).innerText())?.[1]);
  await press('Single step');
  await expect(controls(page)).toContainText(`paused at step ${at + 1} of 200`);
  await press('Resume');
  await expect(controls(page)).toContainText('this tab owns the run');
  await press('Stop');
  await expect(controls(page)).toContainText(
    /stopped at step \d+ · ?checkpoint of step \d+ saved|stopped at step/,
  );
  await expect(page.getByRole('heading', { name: 'Checkpoints' })).toBeVisible();
});

test('a field says what is wrong with it, marks what was changed, and goes back', async ({ open }) => {
  const page = await open('');
  await page.locator('summary', { hasText: 'Batches' }).click();
  const field = page.getByRole('textbox', { name: 'Mini-batch', exact: true });
  await field.fill('64');
  await field.press('Enter');
  await expect(page.getByText('Mini-batch is more than the 16 prompts of a step.')).toBeVisible();
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(controls(page).getByRole('button', { name: 'Start' })).toBeDisabled();
  await page.getByRole('button', { name: /^Reset Mini-batch to 8 questions/ }).click();
  await expect(field).toHaveValue('8');
  await expect(controls(page).getByRole('button', { name: 'Start' })).toBeEnabled();
  await field.fill('many');
  await field.press('Enter');
  await expect(page.getByText('Mini-batch must be a whole number.')).toBeVisible();
});

test('the cost is measured and told in one line; another recipe makes it old', async ({ open }) => {
  const page = await open('');
  await page.getByRole('button', { name: 'Measure on this device' }).click();
  await expect(page.getByText('about 21 s per step · 61 MB · 200 steps ≈ 71 min')).toBeVisible();
  const steps = page.getByRole('textbox', { name: 'Steps', exact: true });
  await steps.fill('20');
  await steps.press('Enter');
  await expect(page.getByText('measured for another recipe')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Measure again' })).toBeVisible();
});

test('what plain RAG solves and yes/no questions are counted before a run', async ({ open }) => {
  const page = await open('unknown');
  const counts = page.getByRole('region', { name: 'What it can learn from' });
  await expect(counts).toContainText('340 plain RAG solves already');
  await expect(counts).toContainText('148 are yes/no');
  await counts.getByRole('button', { name: 'Let plain RAG answer them' }).click();
  await expect(counts.getByRole('progressbar')).toBeVisible();
  await expect(counts).not.toContainText('not tried with plain RAG yet');
});

test('a finished run is scrubbed and replayed, and the rollouts follow', async ({ open }) => {
  const page = await open('full');
  await showRun(page, 'Demo run');
  const slider = page.getByRole('slider', { name: 'The step that is looked at' });
  await slider.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(slider).toHaveAttribute('aria-valuetext', 'step 39 of 40');
  await expect(page.getByRole('heading', { name: 'Rollouts of step 39' })).toBeVisible();
  await page.keyboard.press('Home');
  await expect(page.getByRole('heading', { name: 'Rollouts of step 1', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await expect(slider).not.toHaveAttribute('aria-valuetext', 'step 1 of 40');
  await page.getByRole('button', { name: 'Pause the replay' }).click();
  await page.getByRole('button', { name: 'Newest' }).click();
  await expect(slider).toHaveAttribute('aria-valuetext', 'step 40 of 40');
});

test('a rollout shows its thread, and each token’s advantage in words and shades', async ({ open }) => {
  const page = await open('full');
  await showRun(page, 'Demo run');
  const best = page.locator('.rollout').first();
  await expect(best).toContainText('reward 1.00');
  await expect(best).toContainText('stops: enough to answer');
  await best.getByRole('button', { name: 'Credit, token by token' }).click();
  await expect(best).toContainText(/tokens were better than expected and \d+ worse/);
  await expect(best.locator('.token[title^="advantage"]').first()).toBeVisible();
});

test('a lost device, a NaN and another tab each say what happened and what to do', async ({ open }) => {
  const page = await open('lost');
  await controls(page).getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('alert')).toContainText('The graphics device was lost in step 13.');
  await page.getByRole('alert').getByRole('button', { name: 'Go on from the last checkpoint' }).click();
  await expect(controls(page)).toContainText('this tab owns the run');

  await open('nan');
  await controls(page).getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('alert')).toContainText('became NaN in step 13');
  await page.getByRole('button', { name: 'Fork with half the learning rate' }).click();
  await expect(page.getByText('Goes on from “Demo run”, step 10.')).toBeVisible();
  await page.locator('summary', { hasText: 'Learning rates' }).click();
  await expect(page.getByRole('button', { name: /^Reset Policy’s learning rate to 1e−4/ })).toBeVisible();

  await open('elsewhere');
  await expect(page.getByText('Another tab has this run.')).toBeVisible();
  await expect(controls(page).getByRole('button')).toHaveCount(0);
});

test('runs say what changed between them; one is forked, exported, deleted', async ({ open }) => {
  const page = await open('full');
  await expect(page.getByRole('row', { name: /Show Demo with GRPO/ })).toContainText(
    'Advantages by: GAE → GRPO',
  );
  await showRun(page, 'Demo run');
  await page.getByRole('button', { name: 'Export the checkpoint of step 20' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('dialog').getByRole('button', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('run-a-20.tar');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Delete Demo with GRPO' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('row', { name: /Show Demo with GRPO/ })).toHaveCount(0);
});

test('a run file that is dropped is imported', async ({ open }) => {
  const page = await open('');
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['a whole run'], 'night.s3run'));
    return data;
  });
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  await expect(page.getByRole('row', { name: /imported run/ })).toBeVisible();
  await expect(page.getByRole('img', { name: /^Mean reward over 12 steps/ })).toBeVisible();
});

test('the page’s thread is never held for long while a run goes on', async ({ open }) => {
  const page = await open('full');
  await showRun(page, 'Demo, half the learning rate');
  await page.waitForTimeout(1000);
  const report = await traceMainThread(page, async () => {
    await controls(page).getByRole('button', { name: 'Resume' }).click();
    await page.waitForTimeout(5000);
  });
  expect(report.tasks).toBeGreaterThan(20);
  expect(report.longestComputingMs).toBeLessThan(50);
});

test('a step of a recipe with tiers shows how many rollouts reached each, and which each rollout did', async ({
  open,
}) => {
  const page = await open('tiers');
  await showRun(page, 'Queries');
  const tiers = page.getByLabel('Rollouts by what they reached');
  await expect(tiers).toContainText(/recall ≥ 0\.7\s*50 %/);
  await expect(tiers.getByRole('definition')).toHaveCount(4);
  await expect(page.getByRole('listitem').filter({ hasText: 'recall < 0.05' }).first()).toBeVisible();
  await expectAccessible(page);
});
