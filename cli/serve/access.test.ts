import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, refusal, ScriptedServer } from './testing/scripted-server';

let served: ScriptedServer;
beforeEach(async () => {
  served = await ScriptedServer.start();
});
afterEach(() => served.server.stop(0));

/** `fetch` sets the name itself. */
const getAs = (host: string | undefined, path = '/health'): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(served.server.url);
    const headers = host === undefined ? {} : { host };
    httpRequest({ host: '127.0.0.1', port, path, headers, setHost: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });

describe('access', () => {
  it.each(['127.0.0.1', 'localhost:8787', 'LOCALHOST', '[::1]:8787', '127.9.9.9:1'])(
    'is open to this machine by its name %s',
    async (host) => expect(await getAs(host)).toBe(200),
  );

  it.each([
    'rebound.example',
    'localhost.evil.example:8787',
    '10.0.0.1',
    '',
    'a b',
    '127.0.0.1@evil.example',
  ])('is closed to a page whose name resolves here: %s', async (host) =>
    expect([400, 403]).toContain(await getAs(host)),
  );

  it('is closed to pages of other origins, unless they were named', async () => {
    const origin = 'http://127.0.0.1:5173';
    expect(await refusal(served.get('/v1/models', { origin }))).toMatchObject({
      status: 403,
      code: 'origin_not_allowed',
    });
    expect((await refusal(served.get('/v1/models', { origin: 'null' }))).status).toBe(403);
    await served.restart({ origins: [origin] });
    const response = await served.get('/v1/models', { origin });
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect((await refusal(served.get('/v1/models', { origin: 'http://127.0.0.1:5174' }))).status).toBe(403);
    const plain = await served.get('/v1/models');
    expect([plain.status, plain.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  it('answers the questions that browsers ask first, also about private networks', async () => {
    const origin = 'http://127.0.0.1:5173';
    const preflight = (): Promise<Response> =>
      fetch(`${served.server.url}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: {
          ...{ origin, 'access-control-request-method': 'POST' },
          'access-control-request-headers': 'authorization,x-stainless-os',
          'access-control-request-private-network': 'true',
        },
      });
    expect((await preflight()).status).toBe(403);
    await served.restart({ origins: [origin], apiKey: 'sk-test' });
    const response = await preflight();
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'authorization,x-stainless-os',
      'access-control-allow-private-network': 'true',
    });
  });

  it('wants the key everywhere but at /health, and never repeats a wrong one', async () => {
    await served.restart({ apiKey: 'sk-right' });
    expect((await served.get('/health')).status).toBe(200);
    for (const path of ['/v1/models', '/retrieve', '/nowhere'])
      expect((await served.get(path)).status).toBe(401);
    const wrong = await served.get('/v1/models', { authorization: 'Bearer sk-wrong' });
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(await wrong.text()).not.toContain('sk-wrong');
    expect((await served.get('/v1/models', { authorization: 'Bearer sk-right' })).status).toBe(200);
  });
});

describe('a client that leaves', () => {
  it.each([true, false])('stops its generation (streamed: %s)', async (stream) => {
    const go = served.hold();
    const leaving = new AbortController();
    const request = served.chat({ stream }, { signal: leaving.signal }).catch(() => undefined);
    await expect.poll(() => served.model.running).toBe(1);
    leaving.abort();
    await request;
    // The server hears of it by itself; the model looks at the signal at its next character.
    await new Promise((resolve) => setTimeout(resolve, 50));
    go();
    await expect.poll(() => served.model.running).toBe(0);
    await expect.poll(() => served.lines.at(-1)).toContain('client left');
    served.model.pause = null;
    await answer(served.chat());
    expect(served.failures).toEqual([]);
  });
});

describe('stopping', () => {
  it('lets what runs finish', async () => {
    const go = served.hold();
    const running = answer(served.chat());
    await expect.poll(() => served.model.running).toBe(1);
    const stopped = served.server.stop(5000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    go();
    expect((await running).choices[0]?.message?.content).toBe('Hello.');
    await stopped;
    await expect(served.get('/health')).rejects.toThrow();
  });

  it('ends what takes too long, and says so', async () => {
    served.model.answer = () => 'x'.repeat(90);
    served.model.pause = new Promise((resolve) => setTimeout(resolve, 100));
    const running = refusal(served.chat());
    await expect.poll(() => served.model.running).toBe(1);
    await served.server.stop(10);
    expect(await running).toMatchObject({ status: 503, code: 'stopping' });
  });

  it('is told where a port is taken', async () => {
    const port = Number(new URL(served.server.url).port);
    await expect(served.another({ port })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: `Port ${port} is taken.`,
    });
  });
});
