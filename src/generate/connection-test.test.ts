import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { corsFetch } from '../../tests/servers/cors-fetch';
import {
  startOpenAiServer,
  type OpenAiServer,
  type OpenAiServerOptions,
} from '../../tests/servers/openai-server';
import { systemClock } from '../platform/clock';
import { testConnection, type ConnectionReport, type ConnectionTestOptions } from './connection-test';
import { addressSpace } from './reachability';

const PAGE = 'https://lab.example';
const KEY = 'sk-secret-0123456789';

let server: OpenAiServer | undefined;
let other: Server | undefined;
afterEach(async () => {
  await server?.close();
  other?.closeAllConnections();
  await new Promise((resolve) => (other ? other.close(resolve) : resolve(undefined)));
  server = other = undefined;
});

const start = async (options: OpenAiServerOptions = {}): Promise<OpenAiServer> =>
  (server = await startOpenAiServer(options));

const test = (options: Partial<ConnectionTestOptions>): Promise<ConnectionReport> =>
  testConnection({
    baseUrl: server?.baseUrl ?? 'http://127.0.0.1:9/v1',
    fetch: options.pageOrigin === undefined ? globalThis.fetch : corsFetch(options.pageOrigin),
    clock: systemClock,
    ...options,
  });

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

describe('an endpoint that works', () => {
  it('is reported with its models, and no model is tried without a choice', async () => {
    await start({ models: ['a', 'b'] });
    const report = await test({});
    expect(report).toMatchObject({ ok: true, verdict: 'ok', models: ['a', 'b'], fix: 'Choose a model.' });
    expect(server?.completions).toEqual([]);
  });

  it('is proved by one token of the chosen model', async () => {
    await start();
    const report = await test({ model: 'test-model', pageOrigin: PAGE, fetch: globalThis.fetch });
    expect(report).toMatchObject({ ok: true, fix: '', warnings: [] });
    expect(server?.completions).toHaveLength(1);
    expect(server?.completions[0]?.body).toMatchObject({ max_tokens: 1 });
  });

  it('may answer a page that it lets in', async () => {
    await start({ cors: PAGE, apiKey: KEY });
    expect(await test({ model: 'test-model', apiKey: KEY, pageOrigin: PAGE })).toMatchObject({ ok: true });
  });

  it('may have no list of models', async () => {
    await start({ listsModels: false });
    expect(await test({ model: 'test-model' })).toMatchObject({ ok: true, models: [] });
    expect(await test({})).toMatchObject({ ok: false, verdict: 'not-openai' });
  });

  it('may list a model under its full name, as Ollama does', async () => {
    await start({ models: ['qwen:latest', 'qwen'] });
    expect(await test({ model: 'qwen' })).toMatchObject({ ok: true });
  });
});

describe('a wrong key', () => {
  it('is told from a missing one, and never quoted', async () => {
    await start({ apiKey: 'right' });
    const wrong = await test({ apiKey: KEY });
    expect(wrong).toMatchObject({ ok: false, verdict: 'auth' });
    expect(wrong.fix).toContain('Check the key');
    expect(JSON.stringify(wrong)).not.toContain(KEY);
    expect(await test({})).toMatchObject({ verdict: 'auth', fix: 'Enter the key of this endpoint.' });
  });

  it('is found by the token where the list is open to everybody', async () => {
    await start();
    server?.enqueue({ kind: 'status', status: 401, message: 'no such key' });
    expect(await test({ apiKey: KEY, model: 'test-model' })).toMatchObject({ verdict: 'auth' });
  });

  it('with characters that no key has is refused before it is sent', async () => {
    await start();
    expect(await test({ apiKey: 'sk –1' })).toMatchObject({ ok: false, verdict: 'auth' });
    expect(server?.requests).toEqual([]);
  });
});

describe('a model that is not there', () => {
  it('is reported with those that are', async () => {
    await start({ models: ['a', 'b'] });
    const report = await test({ model: 'c' });
    expect(report).toMatchObject({ ok: false, verdict: 'no-model', models: ['a', 'b'] });
    expect(report.fix).toContain('a, b');
  });

  it('is found by the token where there is no list', async () => {
    await start({ listsModels: false });
    expect(await test({ model: 'c' })).toMatchObject({ ok: false, verdict: 'no-model' });
  });
});

describe('what is no endpoint', () => {
  it.each(['', 'localhost:11434', 'ftp://x/v1', 'http://user:secret@host/v1'])(
    'is refused: %j',
    async (baseUrl) => {
      const report = await test({ baseUrl });
      expect(report).toMatchObject({ ok: false, verdict: 'bad-address' });
      expect(report.message).not.toContain('secret');
    },
  );

  it('but has one under /v1 is corrected', async () => {
    await start();
    const report = await test({ baseUrl: (server?.baseUrl ?? '').replace('/v1', '') });
    expect(report).toMatchObject({
      ok: false,
      verdict: 'not-openai',
      fix: `Enter ${server?.baseUrl ?? ''}.`,
    });
  });

  it('is named so when it answers with a web page', async () => {
    other = createServer((_request, response) => response.end('<h1>Welcome</h1>'));
    await new Promise<void>((resolve) => other?.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const report = await test({ baseUrl: `http://127.0.0.1:${port}/v1`, model: 'x' });
    expect(report).toMatchObject({ ok: false, verdict: 'not-openai' });
  });

  it('or fails inside is told apart from one that is something else', async () => {
    await start();
    server?.enqueue({ kind: 'status', status: 500, message: 'out of memory' });
    const failed = await test({ model: 'test-model' });
    expect(failed).toMatchObject({ ok: false, verdict: 'failed' });
    expect(failed.message).toContain('out of memory');
    server?.enqueue({ kind: 'foreign', contentType: 'application/json', body: '{}' });
    expect(await test({ model: 'test-model' })).toMatchObject({ ok: false, verdict: 'not-openai' });
  });

  it('accepts connections and stays silent', async () => {
    other = createServer(() => undefined);
    await new Promise<void>((resolve) => other?.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const report = await test({ baseUrl: `http://127.0.0.1:${port}/v1`, timeoutMs: 80 });
    expect(report).toMatchObject({ ok: false, verdict: 'timeout' });
  });
});

describe('an endpoint that a page gets nothing from', () => {
  it('is not running', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}/v1`;
    const report = await test({ baseUrl, pageOrigin: PAGE });
    expect(report).toMatchObject({ ok: false, verdict: 'refused' });
    expect(report.commands.map(({ server: name }) => name)).toEqual([
      'Ollama',
      'LM Studio',
      'llama.cpp',
      'vLLM',
      's3-web',
    ]);
    expect(report.fix).toContain(`OLLAMA_ORIGINS=${PAGE} ollama serve`);
    expect(report.fix).toContain('Safari');
    const outside = await test({ baseUrl });
    expect(outside).toMatchObject({ verdict: 'refused' });
    expect(outside.fix).not.toContain('ORIGINS');
  });

  it('runs, but does not let the page in', async () => {
    await start();
    const report = await test({ pageOrigin: PAGE });
    expect(report).toMatchObject({ ok: false, verdict: 'cors' });
    expect(report.message).toContain(PAGE);
    expect(report.fix).toContain(`--allowed-origins '["${PAGE}"]'`);
    expect(report.fix).toContain('lms server start --cors');
    expect(report.fix).toContain(`--cors-origins ${PAGE}`);
    expect(report.fix).not.toContain('*');
  });

  it('lets another page in, and not this one', async () => {
    await start({ cors: 'https://elsewhere.example' });
    expect(await test({ pageOrigin: PAGE })).toMatchObject({ verdict: 'cors' });
  });

  it('refuses foreign origins with an empty 403, as Ollama does', async () => {
    await start({ refuseForeignOrigins: true, cors: '*' });
    expect(await test({ pageOrigin: PAGE })).toMatchObject({ verdict: 'cors' });
  });

  it('was not permitted by the user', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}/v1`;
    const asked: string[] = [];
    const permission = (target: string): Promise<'denied'> => {
      asked.push(target);
      return Promise.resolve('denied');
    };
    const report = await test({ baseUrl, pageOrigin: PAGE, permission });
    expect(report).toMatchObject({ ok: false, verdict: 'permission' });
    expect(report.fix).toContain('site settings');
    expect(asked).toEqual(['loopback']);
    const notYet = await test({
      baseUrl,
      pageOrigin: PAGE,
      permission: () => Promise.resolve('prompt' as const),
    });
    expect(notYet).toMatchObject({ verdict: 'permission' });
    expect(notYet.fix).toContain('choose "Allow"');
    expect(notYet.fix).toContain('ollama serve');
    const granted = await test({
      baseUrl,
      pageOrigin: PAGE,
      permission: () => Promise.resolve('granted' as const),
    });
    expect(granted).toMatchObject({ verdict: 'refused' });
  });

  it('needs no permission for a page that is local itself', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}/v1`;
    const permission = (): Promise<'denied'> => Promise.resolve('denied');
    expect(await test({ baseUrl, pageOrigin: 'http://localhost:5173', permission })).toMatchObject({
      verdict: 'refused',
    });
  });

  it('cannot be permitted to a page that came without https', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}/v1`;
    const report = await test({ baseUrl, pageOrigin: 'http://lab.example', isSecureContext: false });
    expect(report).toMatchObject({ verdict: 'permission' });
    expect(report.fix).toContain('https');
  });

  it('is public and unencrypted while the page is not', async () => {
    const fetch = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'));
    const report = await test({ baseUrl: 'http://llm.example/v1', pageOrigin: PAGE, fetch });
    expect(report).toMatchObject({ verdict: 'mixed-content' });
  });

  it('is forbidden by the page’s own policy, or hidden by its isolation', async () => {
    const baseUrl = `http://127.0.0.1:${await freePort()}/v1`;
    const policy = await test({ baseUrl, pageOrigin: PAGE, probe: () => Promise.resolve('policy') });
    expect(policy).toMatchObject({ verdict: 'page-policy' });
    expect(policy.fix).toContain('ssh -N -L');
    const hidden = await test({ baseUrl, pageOrigin: PAGE, probe: () => Promise.resolve('hidden') });
    expect(hidden).toMatchObject({ verdict: 'refused-or-cors' });
    expect(hidden.fix).toContain(`OLLAMA_ORIGINS=${PAGE}`);
  });
});

describe('the commands', () => {
  it('are those of the server that usually has the port', async () => {
    const fetch = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'));
    const ports = { 11434: 'Ollama', 1234: 'LM Studio', 8080: 'llama.cpp', 8000: 'vLLM', 8787: 's3-web' };
    for (const [port, name] of Object.entries(ports)) {
      const baseUrl = `http://localhost:${port}/v1`;
      const { commands } = await test({ baseUrl, fetch, pageOrigin: 'http://localhost:5173' });
      expect(commands.map((entry) => entry.server)).toEqual([name]);
    }
  });
});

describe('warnings', () => {
  it('say that a key would travel unencrypted, and what leaves the machine', async () => {
    const fetch = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'));
    const warnings = async (baseUrl: string): Promise<string> =>
      (await test({ baseUrl, fetch, apiKey: KEY, model: 'x' })).warnings.join(' ');
    expect(await warnings('http://192.168.0.7/v1')).toContain('unencrypted');
    expect(await warnings('https://llm.example/v1')).toBe(
      'Questions and documents leave this machine, to llm.example.',
    );
    expect(await warnings('http://localhost:8000/v1')).toBe('');
  });
});

describe('stopping', () => {
  it('throws ABORTED', async () => {
    other = createServer(() => undefined);
    await new Promise<void>((resolve) => other?.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    const result = test({ baseUrl: `http://127.0.0.1:${port}/v1`, signal: controller.signal });
    await expect(result).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('addressSpace', () => {
  it.each([
    ['localhost', 'loopback'],
    ['api.localhost', 'loopback'],
    ['127.1.2.3', 'loopback'],
    ['[::1]', 'loopback'],
    ['10.0.0.1', 'local'],
    ['172.31.0.1', 'local'],
    ['172.32.0.1', 'public'],
    ['192.168.1.5', 'local'],
    ['[fd00::1]', 'local'],
    ['nas.local', 'local'],
    ['api.openai.com', 'public'],
    ['fdroid.org', 'public'],
  ])('%s is %s', (host, space) => {
    expect(addressSpace(host)).toBe(space);
  });
});
