import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchDemoRun } from './demo-run';

const path = join(import.meta.dirname, '../../models/demo-ppo/run.s3run.gz');
let server: Server;
let url: string;
let answer: { status: number; encoded: boolean };

beforeEach(async () => {
  answer = { status: 200, encoded: false };
  const bytes = await readFile(path);
  server = createServer((_request, response) => {
    response.writeHead(answer.status, answer.encoded ? { 'content-encoding': 'gzip' } : {}).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const bytesOf = async (blob: Blob): Promise<Buffer> => Buffer.from(await blob.arrayBuffer());

test.each([false, true])(
  'the run arrives unpacked, whether the host declares the packing or not',
  async (encoded) => {
    answer.encoded = encoded;
    const run = await bytesOf(await fetchDemoRun(fetch, url));
    expect(run.equals(gunzipSync(await readFile(path)))).toBe(true);
  },
);

test('a host without it, and one that cannot be reached, are told apart', async () => {
  answer.status = 404;
  await expect(fetchDemoRun(fetch, url)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(fetchDemoRun(fetch, url)).rejects.toMatchObject({ code: 'NETWORK' });
});
