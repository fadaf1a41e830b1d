/**
 * Pictures of every page, light and dark, wide and narrow, from the built page in `dist` (or another folder: `--dist`).
 *   tsx tools/screenshots/main.ts [--out docs/screenshots] [--dist dist] [--only ask,corpora] [--question TEXT]
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Browser, type Page } from '@playwright/test';
import { preview } from 'vite';
import { findBrowser, testBrowserArguments } from '../browser/find.mjs';
import { SCENES, type Scene } from './scenes';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'docs/screenshots' },
    dist: { type: 'string', default: 'dist' },
    only: { type: 'string' },
    themes: { type: 'string', default: 'light,dark' },
    widths: { type: 'string', default: '1280,360' },
  },
});

async function shoot(
  browser: Browser,
  base: string,
  scene: Scene,
  theme: string,
  width: number,
): Promise<string> {
  const context = await browser.newContext({
    viewport: { width, height: width > 720 ? 860 : 740 },
    colorScheme: theme === 'dark' ? 'dark' : 'light',
    reducedMotion: 'reduce',
    deviceScaleFactor: 1,
  });
  try {
    const page: Page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(`  ${scene.name}: ${message.text()}`);
    });
    page.on('pageerror', (error) => console.error(`  ${scene.name}: ${error.message}`));
    await page.goto(`${base}${scene.hash}`);
    await scene.set(page);
    const file = resolve(values.out, `${scene.name}-${theme}-${width}.png`);
    await page.screenshot({ path: file, fullPage: scene.fullPage ?? true });
    return file;
  } finally {
    await context.close();
  }
}

const wanted = values.only?.split(',');
const executablePath = findBrowser();
const server = await preview({
  build: { outDir: resolve(values.dist) },
  preview: { port: 0, host: '127.0.0.1' },
  logLevel: 'error',
});
const base = server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0];
if (base === undefined) throw new Error('The preview server has no address.');
const browser = await chromium.launch({
  args: testBrowserArguments(),
  ...(executablePath !== undefined && { executablePath }),
});
try {
  await mkdir(values.out, { recursive: true });
  for (const scene of SCENES.filter(({ name }) => !wanted || wanted.includes(name))) {
    for (const theme of values.themes.split(',')) {
      for (const width of values.widths.split(',').map(Number)) {
        console.log(await shoot(browser, base, scene, theme, width));
      }
    }
  }
} finally {
  await browser.close();
  await server.close();
}
