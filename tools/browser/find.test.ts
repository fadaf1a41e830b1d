import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { browserVersion, findBrowser, swiftShaderFolder } from './find.mjs';

let folder: string;
const before = { ...process.env };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-browser-'));
});
afterEach(async () => {
  process.env = { ...before };
  await rm(folder, { recursive: true, force: true });
});

async function fakeBrowser(name: string, script: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

it('takes the browser that CHROME_PATH names, and no other when that one is missing', async () => {
  const file = await fakeBrowser('my-chrome', 'echo "My Chrome 1.0"');
  process.env['CHROME_PATH'] = file;
  expect(findBrowser()).toBe(file);
  expect(browserVersion(file)).toBe('My Chrome 1.0');
  process.env['CHROME_PATH'] = join(folder, 'gone');
  expect(findBrowser()).toBeUndefined();
});

it('takes the first browser of the search path', async () => {
  delete process.env['CHROME_PATH'];
  const file = await fakeBrowser('chromium', 'exit 0');
  process.env['PATH'] = folder;
  expect(findBrowser()).toBe(file);
});

it('tells a browser that does not start', async () => {
  expect(browserVersion(await fakeBrowser('broken', 'exit 127'))).toBeUndefined();
});

it('finds SwiftShader beside the executable', async () => {
  const file = await fakeBrowser('chrome', 'exit 0');
  await writeFile(join(folder, 'vk_swiftshader_icd.json'), '{}');
  expect(swiftShaderFolder(file)).toBe(folder);
});
