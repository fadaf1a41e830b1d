import { expect, openPage, test } from './guarded-page';

const HOSTILE = [
  '#/ask?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E',
  '#/ask?found=1e9&kept=-1&turns=NaN&seed=99999999999999999999',
  '#/ask?__proto__[polluted]=1&constructor.prototype.polluted=1',
  '#javascript:alert(1)',
  '#/../../etc/passwd',
  `#/ask?q=${'A'.repeat(20_000)}`,
  '#/ask?q=%E0%A4%A&corpus=%00',
  '#/models?searcher=http://evil.example/v1&baseUrl=http://evil.example&key=steal',
  '#/ask?corpus=../../../secret&searcher=endpoint&generator=endpoint',
];

for (const hash of HOSTILE) {
  test(`a hostile hash does nothing: ${hash.slice(0, 60)}`, async ({ page }) => {
    let dialogs = 0;
    page.on('dialog', (dialog) => {
      dialogs++;
      void dialog.dismiss();
    });
    await openPage(page, hash);
    await expect(page.getByRole('navigation', { name: 'Pages' })).toBeAttached();
    const polluted = await page.evaluate(() => Reflect.get({}, 'polluted') as unknown);
    expect(polluted).toBeUndefined();
    expect(dialogs).toBe(0);
    await expect(page.locator('main img')).toHaveCount(0);
  });
}

test('question and settings live in the URL, only where they differ', async ({ page }) => {
  await openPage(page, '#/ask?q=Who%20built%20it%3F&turns=2');
  await expect(page.getByRole('textbox', { name: 'Question' })).toHaveValue('Who built it?');
  await page.getByRole('button', { name: 'Settings of the run' }).click();
  await expect(page.getByLabel('Turns (t)')).toHaveValue('2');
  await page.getByLabel('Found per query (k)').fill('6');
  await page.getByLabel('Found per query (k)').blur();
  await expect(page).toHaveURL(/#\/ask\?q=Who\+built\+it%3F&found=6&turns=2$/);
  await page.getByLabel('Found per query (k)').fill('99');
  await expect(page.getByText('Write a whole number from 1 to 20. Until then it is 6.')).toBeVisible();
  await expect(page).toHaveURL(/found=6&turns=2$/);
  await page.getByRole('button', { name: 'Reset to defaults' }).click();
  await expect(page).toHaveURL(/#\/ask\?q=Who\+built\+it%3F$/);
  await expect(page.getByLabel('Found per query (k)')).not.toHaveValue('99');
});

test('back and forward walk the pages', async ({ page }) => {
  await openPage(page);
  await page.getByRole('link', { name: 'Glossary' }).click();
  await expect(page.getByRole('heading', { name: 'Glossary' })).toBeVisible();
  await expect(page).toHaveTitle('Glossary · s3-web');
  await page.goBack();
  await expect(page.getByRole('textbox', { name: 'Question' })).toBeVisible();
});
