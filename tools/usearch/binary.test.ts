import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): Buffer => readFileSync(new URL(path, import.meta.url));

it('the binary of usearch is the one that was built, of the version that is installed, with its licence', () => {
  const binary = read('../../src/retrieval/usearch/usearch.wasm');
  const [sha256] = read('usearch.sha256').toString().split(' ');
  expect(createHash('sha256').update(binary).digest('hex')).toBe(sha256);
  const { version } = JSON.parse(read('../../node_modules/usearch/package.json').toString()) as {
    version: string;
  };
  expect(read('README.md').toString()).toContain(
    `usearch](https://github.com/unum-cloud/USearch) ${version} `,
  );
  expect(read('../../src/retrieval/usearch/usearch.LICENSE').toString()).toContain('Apache License');
});
