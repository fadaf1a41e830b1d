import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { build, createServer, preview, type InlineConfig } from 'vite';
import { securityHeaders } from './security-headers';
import { resolveServed, servedFolders, type ServedFolder } from './served-folders';

let folder: string;
let root: string;
let served: ServedFolder;
let config: InlineConfig;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-served-'));
  root = join(folder, 'page');
  await mkdir(root);
  await mkdir(join(folder, 'extra', 'deep'), { recursive: true });
  await writeFile(join(root, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(folder, 'extra', 'a.json'), '{"a":1}');
  await writeFile(join(folder, 'extra', 'deep', 'b.wasm'), 'bytes');
  await writeFile(join(folder, 'extra', 'secret.txt'), 'not served');
  served = { url: '/extra/', folder: join(folder, 'extra'), include: (path) => !path.endsWith('.txt') };
  config = {
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [servedFolders([served])],
    server: { port: 0, headers: securityHeaders('dev'), ws: false },
    preview: { port: 0, headers: securityHeaders('build') },
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const addressOf = (urls: { local: string[] } | null): string => urls?.local[0] ?? '';

describe('folders served beside the page', () => {
  it('come with their media type and with the security headers in development', async () => {
    const server = await (await createServer(config)).listen();
    try {
      const base = addressOf(server.resolvedUrls);
      const json = await fetch(`${base}extra/a.json?import`);
      expect(await json.json()).toEqual({ a: 1 });
      expect(json.headers.get('content-type')).toBe('application/json');
      expect(json.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
      const wasm = await fetch(`${base}extra/deep/b.wasm`);
      expect(wasm.headers.get('content-type')).toBe('application/wasm');
      expect(await (await fetch(`${base}extra/secret.txt`)).text()).not.toContain('not served');
    } finally {
      await server.close();
    }
  });

  it('lie in the build, where the preview server sends every header with them', async () => {
    await build(config);
    expect(await readFile(join(root, 'dist/extra/deep/b.wasm'), 'utf8')).toBe('bytes');
    await expect(readFile(join(root, 'dist/extra/secret.txt'))).rejects.toThrow('ENOENT');
    const server = await preview(config);
    try {
      for (const path of ['', 'extra/a.json']) {
        const response = await fetch(`${addressOf(server.resolvedUrls)}${path}`);
        for (const [name, value] of Object.entries(securityHeaders('build'))) {
          expect(response.headers.get(name)).toBe(value);
        }
      }
    } finally {
      await server.close();
    }
  });

  it.each([
    '/extra/../index.html',
    '/extra/%2e%2e/index.html',
    '/extra/..%2findex.html',
    '/other/a.json',
    '/extra/',
  ])('do not answer %s', (path) => {
    expect(resolveServed(served, path)).toBeUndefined();
  });

  it('answer a broken escape like any other unknown path', () => {
    expect(resolveServed(served, '/extra/%E0%A4%A')).toBeUndefined();
  });
});
