import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { missingPackages, nodeComplaint } from './install.mjs';

let root: string;
const packages = {
  '': { version: '1.0.0' },
  'node_modules/page': { version: '1.2.3' },
  'node_modules/linter': { version: '4.5.6', dev: true },
  'node_modules/other-system': { version: '7.0.0', optional: true },
  'node_modules/linked': { link: true },
  'tools/absent': { version: '0.0.0' },
};

async function write(path: string, content: Record<string, unknown>): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true });
  await writeFile(join(root, path), JSON.stringify(content));
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-install-'));
  await write('package-lock.json', { packages });
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('misses everything on a fresh clone, development tools only where they are asked for', () => {
  expect(missingPackages(root, { dev: false })).toEqual(['page']);
  expect(missingPackages(root, { dev: true })).toEqual(['page', 'linter']);
});

it('misses nothing once the locked versions are there', async () => {
  await write('node_modules/.package-lock.json', { packages });
  await mkdir(join(root, 'node_modules', 'page'));
  await mkdir(join(root, 'node_modules', 'linter'));
  expect(missingPackages(root, { dev: true })).toEqual([]);
});

it('misses a package of another version, and one whose folder is gone', async () => {
  await write('node_modules/.package-lock.json', {
    packages: { ...packages, 'node_modules/page': { version: '1.2.2' } },
  });
  await mkdir(join(root, 'node_modules', 'page'));
  expect(missingPackages(root, { dev: true })).toEqual(['page', 'linter']);
});

it.each([
  ['20.19.0', true],
  ['20.20.2', true],
  ['22.1.0', true],
  ['20.18.3', false],
  ['18.20.0', false],
])('judges Node %s rightly', (version, accepted) => {
  expect(nodeComplaint(version) === undefined).toBe(accepted);
});
