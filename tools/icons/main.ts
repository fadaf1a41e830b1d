/**
 * Draws `public/icons/*.png` from `public/icon.svg`, for the web manifest and for home screens:
 *
 *   npx tsx tools/icons/main.ts
 */
import { mkdir, readFile } from 'node:fs/promises';
import { chromium } from '@playwright/test';
import { findBrowser, testBrowserArguments } from '../browser/find.mjs';

/** A maskable icon may lose its corners: the drawing keeps to the middle, on a ground that fills the square. */
const ICONS = [
  { file: 'icon-192.png', size: 192, maskable: false },
  { file: 'icon-512.png', size: 512, maskable: false },
  { file: 'icon-maskable-512.png', size: 512, maskable: true },
  { file: 'apple-touch-icon.png', size: 180, maskable: true },
];
const GROUND = '#3a4ea8';

const svg = await readFile('public/icon.svg', 'utf8');
const executablePath = findBrowser();
const browser = await chromium.launch({
  args: testBrowserArguments(),
  ...(executablePath !== undefined && { executablePath }),
});
await mkdir('public/icons', { recursive: true });
for (const { file, size, maskable } of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const inner = maskable ? size * 0.8 : size;
  const sized = svg.replace('<svg ', `<svg width="${inner}" height="${inner}" `);
  const ground = maskable ? GROUND : 'transparent';
  await page.setContent(
    `<body style="margin:0;height:100vh;display:grid;place-items:center;background:${ground}">${sized}`,
  );
  await page.screenshot({ path: `public/icons/${file}`, omitBackground: !maskable });
  await page.close();
}
await browser.close();
