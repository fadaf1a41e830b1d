import { expect, openPage, test } from './guarded-page';

test('the page can be installed: its manifest is sound, its icons are there, the policy lets them in', async ({
  page,
  request,
}) => {
  await openPage(page);
  const session = await page.context().newCDPSession(page);
  const manifest = await session.send('Page.getAppManifest');
  expect(manifest.errors).toEqual([]);
  expect(manifest.url).toMatch(/\/manifest\.webmanifest$/);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A window that forgets everything is no place to install from; nothing else stands against it.
  expect(installabilityErrors.map(({ errorId }) => errorId)).toEqual(['in-incognito']);
  const { icons } = JSON.parse(manifest.data ?? '{}') as { icons: { src: string; type: string }[] };
  expect(icons.length).toBeGreaterThan(2);
  for (const { src, type } of [...icons, { src: 'icons/apple-touch-icon.png', type: 'image/png' }]) {
    const response = await request.get(`/${src}`);
    expect(response.ok(), src).toBe(true);
    expect(response.headers()['content-type']).toBe(type);
  }
});
