/**
 * A real HTTP server on a loopback port with the URLs of the Hugging Face hub, over a folder: `/owner/name/resolve/REV/file` is
 * `<root>/owner/name/file`. HEAD, Range, If-Range, ETag and CORS as there, and failures on demand.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve, sep } from 'node:path';

export type HubFailure =
  /** Half of the bytes, then the connection is cut. */
  | { kind: 'truncate' }
  /** Half of the bytes, then nothing. */
  | { kind: 'stall' }
  | { kind: 'status'; status: number; retryAfter?: string };

export interface HubRequest {
  method: string;
  path: string;
  range: string | undefined;
  status: number;
}

export interface HubServer {
  /** With a slash at the end. */
  readonly url: string;
  readonly requests: HubRequest[];
  /** The next `times` GET requests for a file whose path ends so fail. */
  fail(pathEnd: string, failure: HubFailure, times?: number): void;
  /** Failures still to come do not. */
  heal(): void;
  close(): Promise<void>;
}

const PATH = /^\/(?<repository>[\w.-]+\/[\w.-]+)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)$/;

/** `revisions` limits what exists; by default every revision does. */
export async function startHubServer(root: string, revisions?: readonly string[]): Promise<HubServer> {
  const requests: HubRequest[] = [];
  const failures: { pathEnd: string; failure: HubFailure; times: number }[] = [];
  const sockets = new Set<ServerResponse>();

  function takeFailure(path: string): HubFailure | undefined {
    const entry = failures.find(({ pathEnd, times }) => times > 0 && path.endsWith(pathEnd));
    if (entry) entry.times--;
    return entry?.failure;
  }

  async function readAsked(path: string): Promise<Buffer | undefined> {
    const groups = PATH.exec(path)?.groups;
    const revision = decodeURIComponent(groups?.['revision'] ?? '');
    if (!groups || (revisions && !revisions.includes(revision))) return undefined;
    const file = resolve(root, groups['repository'] ?? '', decodeURIComponent(groups['file'] ?? ''));
    if (!file.startsWith(resolve(root) + sep)) return undefined;
    return readFile(file).catch(() => undefined);
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = new URL(req.url ?? '/', 'http://localhost').pathname;
    const { range } = req.headers;
    const log = (status: number): void => {
      requests.push({ method: req.method ?? '', path, range, status });
      res.statusCode = status;
    };
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Access-Control-Expose-Headers', 'Content-Range, Content-Length, ETag, Retry-After');
    res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (req.method === 'OPTIONS') {
      res.setHeader('Access-Control-Allow-Headers', '*');
      log(204);
      return void res.end();
    }
    const failure = req.method === 'GET' ? takeFailure(path) : undefined;
    if (failure?.kind === 'status') {
      if (failure.retryAfter !== undefined) res.setHeader('Retry-After', failure.retryAfter);
      log(failure.status);
      return void res.end('not now');
    }
    const whole = await readAsked(path);
    if (!whole) {
      log(404);
      return void res.end('Entry not found');
    }
    const etag = `"${createHash('sha256').update(whole).digest('hex')}"`;
    res.setHeader('ETag', etag);
    res.setHeader('Accept-Ranges', 'bytes');
    const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const ifRange = req.headers['if-range'];
    let bytes = whole;
    if (match && (ifRange === undefined || ifRange === etag)) {
      const start = Number(match[1]);
      const end = match[2] ? Math.min(Number(match[2]), whole.length - 1) : whole.length - 1;
      if (start >= whole.length || end < start) {
        res.setHeader('Content-Range', `bytes */${whole.length}`);
        log(416);
        return void res.end();
      }
      bytes = whole.subarray(start, end + 1);
      res.setHeader('Content-Range', `bytes ${start}-${end}/${whole.length}`);
      log(206);
    } else {
      log(200);
    }
    res.setHeader('Content-Length', bytes.length);
    if (req.method === 'HEAD') return void res.end();
    if (!failure) return void res.end(bytes);
    res.write(bytes.subarray(0, bytes.length >> 1), () => {
      if (failure.kind === 'truncate') res.destroy();
    });
  }

  const server = createServer((req, res) => {
    sockets.add(res);
    res.on('close', () => sockets.delete(res));
    answer(req, res).catch(() => res.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    fail: (pathEnd, failure, times = 1) => void failures.push({ pathEnd, failure, times }),
    heal: () => void failures.splice(0),
    close: () =>
      new Promise((done, failed) => {
        for (const res of sockets) res.destroy();
        server.closeAllConnections();
        server.close((error) => (error ? failed(error) : done()));
      }),
  };
}
