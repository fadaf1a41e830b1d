/** A static host of one folder on a loopback port, right about everything but what it is told to lie about. */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';

export const LIES = [
  /** The bytes before those that were asked for, and says so. */
  'other start',
  /** Fewer bytes than were asked for, and says so. */
  'other end',
  /** Says that the file is longer. */
  'other total',
  /** Says it in words that mean nothing. */
  'nonsense',
  /** Does not say which bytes these are; they are the right ones. */
  'unsaid',
  /** Says nothing, and sends others. */
  'unsaid, others',
  /** Says that these are the right ones, and sends others. */
  'others',
  /** The whole file, as if no part had been asked for. */
  'whole',
  /** Bytes without end, after the right ones. */
  'endless',
  /** Ends in the middle, as if that were all. */
  'fewer',
  /** Nothing at all. */
  'empty',
  /** A page that says that nothing was found, with a status that says that all is well. */
  'page',
] as const;
export type Lie = (typeof LIES)[number];

export interface LyingServer {
  /** With a slash at the end. */
  readonly url: string;
  /** Bytes handed to connections. */
  sent(): number;
  /** From now on, about files whose name begins so. */
  lie(lie: Lie | null, nameStart?: string): void;
  close(): Promise<void>;
}

const BLOCK = Buffer.alloc(1 << 16, 0x61);

export async function startLyingServer(folder: string): Promise<LyingServer> {
  let told: { lie: Lie; nameStart: string } | null = null;
  let sent = 0;

  function endless(res: ServerResponse): void {
    const more = (): void => {
      while (!res.destroyed) {
        sent += BLOCK.length;
        if (!res.write(BLOCK)) return;
      }
    };
    res.on('drain', more);
    more();
  }

  const server = createServer((req, res) => {
    const name = new URL(req.url ?? '/', 'http://h').pathname.slice(1);
    const lie = told && name.startsWith(told.nameStart) ? told.lie : null;
    const answer = async (): Promise<void> => {
      const file = basename(name) === name ? await readFile(join(folder, name)).catch(() => null) : null;
      if (!file) return void res.writeHead(404).end();
      const match = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
      if (lie === 'page')
        return void res.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Not found</h1>');
      if (!match || lie === 'whole') {
        sent += file.length;
        return void res.writeHead(200).end(file);
      }
      let [start, end] = [Number(match[1]), Math.min(Number(match[2]) + 1, file.length)];
      const total = file.length + (lie === 'other total' ? 7 : 0);
      if (lie === 'other start') start = start > 0 ? start - 1 : 1;
      if (lie === 'other end') end = Math.max(start + 1, end - 1);
      const headers: Record<string, string> = { 'Content-Range': `bytes ${start}-${end - 1}/${total}` };
      if (lie === 'nonsense') headers['Content-Range'] = 'bytes of all sorts';
      if (lie === 'unsaid' || lie === 'unsaid, others') delete headers['Content-Range'];
      let part: Buffer = Buffer.from(file.subarray(start, end));
      if (lie === 'others' || lie === 'unsaid, others') part = part.map((byte) => byte ^ 1) as Buffer;
      if (lie === 'fewer') part = part.subarray(0, part.length >> 1);
      if (lie === 'empty') part = Buffer.alloc(0);
      res.writeHead(206, headers);
      sent += part.length;
      if (lie !== 'endless') return void res.end(part);
      res.write(part);
      endless(res);
    };
    answer().catch(() => res.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    sent: () => sent,
    lie: (lie, nameStart = '') => void (told = lie && { lie, nameStart }),
    close: () =>
      new Promise((done, failed) => {
        server.closeAllConnections();
        server.close((error) => (error ? failed(error) : done()));
      }),
  };
}
