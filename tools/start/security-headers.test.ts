import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  connectSources,
  contentSecurityPolicy,
  headersFile,
  metaPolicy,
  securityHeaders,
} from './security-headers';

describe('the content security policy', () => {
  it('never allows inline or evaluated scripts, and no inline styles in the build', () => {
    const built = contentSecurityPolicy('build');
    expect(built).not.toContain("'unsafe-inline'");
    expect(built).not.toMatch(/'unsafe-eval'/);
    expect(built).toContain("default-src 'none'");
    const dev = contentSecurityPolicy('dev');
    expect(dev).toMatch(/script-src 'self' 'wasm-unsafe-eval';/);
    expect(dev).not.toMatch(/'unsafe-eval'/);
  });

  it('loads code, styles, fonts and workers from its own origin only', () => {
    for (const directive of ['script-src', 'style-src', 'font-src', 'worker-src']) {
      const sources = new RegExp(`${directive} ([^;]*)`).exec(contentSecurityPolicy('build'))?.[1];
      expect(sources?.replace(" 'wasm-unsafe-eval'", '')).toBe("'self'");
    }
  });

  it('shows no image from another host, through which an answer could leak text', () => {
    expect(contentSecurityPolicy('build')).toContain("img-src 'self' blob: data:;");
  });

  it('drops from the page only what a meta element cannot say', () => {
    expect(`${metaPolicy()}; frame-ancestors 'none'`).toBe(contentSecurityPolicy('build'));
  });
});

describe('the hosts that the page may connect to', () => {
  it('allows any https endpoint unless the build names some', () => {
    expect(connectSources(undefined)).toContain('https:');
    const narrowed = connectSources('https://llm.example http://10.0.0.5:8000');
    expect(narrowed).not.toContain('https:');
    expect(narrowed).toEqual(
      expect.arrayContaining(["'self'", 'https://llm.example', 'http://10.0.0.5:8000']),
    );
    expect(connectSources('')).not.toContain('https:');
  });

  it('always reaches servers on the same machine', () => {
    expect(connectSources('')).toEqual(expect.arrayContaining(['http://localhost:*', 'http://127.0.0.1:*']));
  });

  it.each(["'unsafe-inline'", 'https://a.example;', '*', 'example.org', 'https://a.example/path'])(
    'refuses %s, which would open the policy or break it',
    (source) => {
      expect(() => connectSources(source)).toThrow('S3_CONNECT_SRC');
    },
  );
});

describe('the headers file for static hosts', () => {
  it('carries every header of the preview server', () => {
    const file = headersFile();
    for (const [name, value] of Object.entries(securityHeaders('build'))) {
      expect(file).toContain(`  ${name}: ${value}\n`);
    }
  });

  it('is what the repository holds', async () => {
    expect(await readFile('public/_headers', 'utf8')).toBe(headersFile());
  });
});
