import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { remoteFile, sourceUrl } from './hub-files';

const BODY = '{"question":"Who wrote Hamlet?","golden_answers":["Shakespeare"]}\n'.repeat(2_000);
const SOURCE = 'hf:datasets/owner/some-set/nq/test file.jsonl';

describe('a file of a data set on a server', () => {
  let server: Server;
  let hub: string;
  let asked: IncomingMessage[];
  let answer: (response: ServerResponse, request: IncomingMessage) => void;

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request);
      answer(response, request);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    asked = [];
    answer = (response) => response.end(BODY);
  });

  const read = async (signal?: AbortSignal, source = SOURCE): Promise<string> =>
    new TextDecoder().decode(await remoteFile(source, fetch, { hub }).read(signal));
  const status = (code: number): void => {
    answer = (response) => response.writeHead(code).end('no');
  };

  it('is fetched whole from its place on the hub, with no account and no range', async () => {
    expect(await read()).toBe(BODY);
    expect(asked.map(({ method, url }) => [method, url])).toEqual([
      ['GET', '/datasets/owner/some-set/resolve/main/nq/test%20file.jsonl'],
    ]);
    expect(asked[0]?.headers).not.toHaveProperty('range');
    expect(asked[0]?.headers).not.toHaveProperty('authorization');
    expect(asked[0]?.headers).not.toHaveProperty('cookie');
    expect(remoteFile(SOURCE, fetch, { hub }).path).toBe('test file.jsonl');
  });

  it('is fetched from any address, and through a redirection', async () => {
    answer = (response, { url }) =>
      url === '/blob' ? response.end(BODY) : response.writeHead(302, { location: '/blob' }).end();
    expect(await read(undefined, `${hub}/x.jsonl`)).toBe(BODY);
    expect(asked.map(({ url }) => url)).toEqual(['/x.jsonl', '/blob']);
  });

  it('tells how much of it has come, and of how much where the server says so', async () => {
    const told: [number, number | null][] = [];
    const onBytes = (done: number, total: number | null): void => void told.push([done, total]);
    const size = Buffer.byteLength(BODY);
    answer = (response) => response.writeHead(200, { 'content-length': size }).end(BODY);
    await remoteFile(SOURCE, fetch, { hub, onBytes }).read();
    expect(told.at(-1)).toEqual([size, size]);
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).sort((a, b) => a - b));
    answer = (response) => {
      response.write(BODY.slice(0, 100));
      response.end(BODY.slice(100));
    };
    await remoteFile(SOURCE, fetch, { hub, onBytes }).read();
    expect(told.at(-1)).toEqual([size, null]);
  });

  it('may come packed for the way', async () => {
    answer = (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(BODY));
    expect(await read()).toBe(BODY);
  });

  it.each([
    [404, 'NOT_FOUND', false, /is not there/],
    [401, 'AUTH', false, /not open to everybody/],
    [403, 'AUTH', false, /not open to everybody/],
    [429, 'RATE_LIMITED', true, /too many requests/],
    [500, 'BAD_RESPONSE', true, /status 500/],
    [503, 'BAD_RESPONSE', true, /status 503/],
    [204, 'BAD_RESPONSE', true, /status 204/],
  ])('that is answered with %i is %s, and it is asked for once', async (code, name, recoverable, message) => {
    if (code === 204) answer = (response) => response.writeHead(code).end();
    else status(code);
    const error = await read().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      ...{ code: name, recoverable },
      message: expect.stringMatching(message) as string,
      fix: expect.stringMatching(/\w/) as string,
    });
    expect(asked).toHaveLength(1);
  });

  it('of which only a part comes is refused: a range that nobody asked for', async () => {
    answer = (response) =>
      response.writeHead(206, { 'content-range': `bytes 0-9/${BODY.length}` }).end(BODY.slice(0, 10));
    await expect(read()).rejects.toMatchObject({ code: 'BAD_RESPONSE', recoverable: true });
  });

  it.each([
    ['with its length told', { 'content-length': BODY.length }],
    ['in chunks', {}],
  ])('that breaks off %s is refused, not read short', async (_, headers) => {
    answer = (response) => {
      response.writeHead(200, headers);
      response.write(BODY.slice(0, 1_000), () => response.destroy());
    };
    await expect(read()).rejects.toMatchObject({
      code: 'NETWORK',
      recoverable: true,
      message: expect.stringContaining('broke off') as string,
    });
  });

  it('that cannot be reached says so', async () => {
    const other = createServer();
    await new Promise<void>((ready) => other.listen(0, '127.0.0.1', ready));
    const { port } = other.address() as AddressInfo;
    await new Promise((closed) => other.close(closed));
    await expect(read(undefined, `http://127.0.0.1:${port}/x.jsonl`)).rejects.toMatchObject({
      code: 'NETWORK',
      recoverable: true,
    });
  });

  it('stops coming when nobody wants it any more, before and while it does', async () => {
    await expect(read(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(asked).toHaveLength(0);
    const stop = new AbortController();
    answer = (response) => response.write(BODY.slice(0, 1_000), () => setTimeout(() => stop.abort(), 20));
    await expect(read(stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect.poll(() => asked[0]?.socket.destroyed).toBe(true);
  });

  it.each([
    'hf:datasets/owner',
    'hf:datasets/owner/set',
    'hf:datasets/owner/set/../x.jsonl',
    'hf:datasets/owner/set/x.jsonl@a/../b',
    'hf:models/owner/set/x.jsonl',
    'x.jsonl',
  ])('is not named by %s', (source) => {
    expect(() => sourceUrl(source)).toThrow(/names no file/);
  });

  it('lies at its revision, whose slashes are part of its name', () => {
    expect(sourceUrl('hf:datasets/o/s/a/b.parquet@refs/convert', 'http://h/')).toBe(
      'http://h/datasets/o/s/resolve/refs%2Fconvert/a/b.parquet',
    );
  });
});
