/**
 * A real HTTP server on a loopback port with the URLs of the Hugging Face hub, over a folder: `/owner/name/resolve/REV/file` is
 * `<root>/owner/name/file`, `/api/models/owner/name/revision/REV` lists its files. HEAD, Range, If-Range, ETag, access tokens and CORS
 * as there, and failures on demand.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findFile, listFiles, type HubFile, type MadeFiles } from './hub-files';

export type HubFailure =
  /** Half of the bytes, or so many, then the connection is cut. */
  | { kind: 'truncate'; bytes?: number }
  /** Half of the bytes, or so many, then nothing; an answer of no more than these ends as it should. */
  | { kind: 'stall'; bytes?: number }
  /** The answer tells of a file that is longer. */
  | { kind: 'wrong length' }
  /** The whole file, whatever part was asked for. */
  | { kind: 'whole' }
  | { kind: 'status'; status: number; retryAfter?: string; errorCode?: string };

export interface HubRequest {
  method: string;
  path: string;
  range: string | undefined;
  status: number;
  authorization: string | undefined;
  /** Bytes of a file's content that were handed to the connection. */
  sent: number;
}

export interface HubOptions {
  /** What exists; by default every revision does. */
  revisions?: readonly string[];
  made?: MadeFiles;
  /** Without it, nothing is served: the repositories are gated. */
  token?: string;
  /** Files are redirected here, as the hub does to its storage. */
  storage?: string;
  /** Of every model card. */
  licence?: string;
}

export interface HubServer {
  /** With a slash at the end. */
  readonly url: string;
  readonly requests: HubRequest[];
  /** The next `times` GET requests for a file whose path ends so fail. */
  fail(pathEnd: string, failure: HubFailure, times?: number): void;
  /** Failures still to come do not. */
  heal(): void;
  /** From now on the file has another ETag. */
  change(pathEnd: string): void;
  close(): Promise<void>;
}

const FILE = /^\/(?:datasets\/)?(?<repository>[\w.-]+\/[\w.-]+)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)$/;
const LIST = /^\/api\/models\/(?<repository>[\w.-]+\/[\w.-]+)\/revision\/(?<revision>[^/]+)$/;
const CHUNK = 1 << 20;

/** The commit that a branch of a repository stands for; a commit stands for itself. */
export const commitOf = (repository: string, revision: string): string =>
  /^[0-9a-f]{40}$/.test(revision)
    ? revision
    : createHash('sha1').update(`${repository}@${revision}`).digest('hex');

export async function startHubServer(
  root: string,
  settings: readonly string[] | HubOptions = {},
): Promise<HubServer> {
  const options: HubOptions = 'length' in settings ? { revisions: settings } : settings;
  const { revisions, made = new Map<string, HubFile>(), token, storage, licence } = options;
  const requests: HubRequest[] = [];
  const failures: { pathEnd: string; failure: HubFailure; times: number }[] = [];
  const changes: string[] = [];
  const sockets = new Set<ServerResponse>();

  function takeFailure(path: string): HubFailure | undefined {
    const entry = failures.find(({ pathEnd, times }) => times > 0 && path.endsWith(pathEnd));
    if (entry) entry.times--;
    return entry?.failure;
  }

  const exists = (repository: string, revision: string): boolean =>
    revisions?.some((known) => [known, commitOf(repository, known)].includes(revision)) ?? true;

  async function list(path: string): Promise<string | undefined> {
    const { repository = '', revision = '' } = LIST.exec(path)?.groups ?? {};
    if (repository === '' || !exists(repository, decodeURIComponent(revision))) return undefined;
    const files = await listFiles(root, made, repository);
    if (files.length === 0) return undefined;
    return JSON.stringify({
      id: repository,
      sha: commitOf(repository, decodeURIComponent(revision)),
      ...(licence !== undefined && { cardData: { license: licence } }),
      siblings: files.map(({ path: rfilename, size, etag }) => ({
        ...{ rfilename, size },
        ...(etag !== undefined && { lfs: { sha256: etag, size } }),
      })),
    });
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = new URL(req.url ?? '/', 'http://localhost').pathname;
    const { range, authorization } = req.headers;
    const request: HubRequest = { method: req.method ?? '', path, range, status: 0, authorization, sent: 0 };
    const log = (status: number): void => {
      requests.push(request);
      request.status = status;
      res.statusCode = status;
    };
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader(
      'Access-Control-Expose-Headers',
      '*, Content-Range, Content-Length, ETag, Retry-After, X-Error-Code',
    );
    res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    if (req.method === 'OPTIONS') {
      res.setHeader('Access-Control-Allow-Headers', '*, Authorization');
      log(204);
      return void res.end();
    }
    const failure = req.method === 'GET' ? takeFailure(path) : undefined;
    if (failure?.kind === 'status') {
      if (failure.retryAfter !== undefined) res.setHeader('Retry-After', failure.retryAfter);
      if (failure.errorCode !== undefined) res.setHeader('X-Error-Code', failure.errorCode);
      log(failure.status);
      return void res.end('not now');
    }
    if (token !== undefined && authorization !== `Bearer ${token}`) {
      res.setHeader('X-Error-Code', 'GatedRepo');
      log(authorization === undefined ? 401 : 403);
      return void res.end('Access to this model is restricted.');
    }
    if (path.startsWith('/api/')) {
      const body = await list(path);
      if (body === undefined) res.setHeader('X-Error-Code', 'RepoNotFound');
      log(body === undefined ? 404 : 200);
      return void res.end(body ?? 'Repository not found');
    }
    if (storage !== undefined) {
      res.setHeader('Location', new URL(path, storage).href);
      log(302);
      return void res.end();
    }
    const { repository = '', revision = '', file: name = '' } = FILE.exec(path)?.groups ?? {};
    const known = repository !== '' && exists(repository, decodeURIComponent(revision));
    const file = known ? await findFile(root, made, repository, decodeURIComponent(name)) : undefined;
    if (!file) {
      res.setHeader('X-Error-Code', 'EntryNotFound');
      log(404);
      return void res.end('Entry not found');
    }
    const version = changes.filter((end) => path.endsWith(end)).length;
    const etag = `"${file.etag}${version > 0 ? `-${version}` : ''}"`;
    res.setHeader('ETag', etag);
    res.setHeader('Accept-Ranges', 'bytes');
    const told = file.size + (failure?.kind === 'wrong length' ? 1 : 0);
    const match = failure?.kind === 'whole' ? null : /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const ifRange = req.headers['if-range'];
    let [start, end] = [0, file.size];
    if (match && (ifRange === undefined || ifRange === etag)) {
      start = Number(match[1]);
      end = match[2] ? Math.min(Number(match[2]) + 1, file.size) : file.size;
      if (start >= file.size || end <= start) {
        res.setHeader('Content-Range', `bytes */${file.size}`);
        log(416);
        return void res.end();
      }
      res.setHeader('Content-Range', `bytes ${start}-${end - 1}/${told}`);
      log(206);
    } else {
      log(200);
    }
    res.setHeader('Content-Length', end - start + (told - file.size));
    if (req.method === 'HEAD') return void res.end();
    const cutAt =
      failure?.kind === 'truncate' || failure?.kind === 'stall'
        ? Math.min(end, start + (failure.bytes ?? (end - start) >> 1))
        : end;
    for (let at = start; at < cutAt && !res.destroyed; at += CHUNK) {
      const chunk = file.read(at, Math.min(at + CHUNK, cutAt));
      // Resolves when the chunk is handed on, or never where the reader has left; `close` then ends the wait.
      await new Promise<void>((done) => {
        res.once('close', done);
        res.write(chunk, () => {
          res.off('close', done);
          request.sent += chunk.length;
          done();
        });
      });
    }
    if (failure?.kind === 'truncate') res.destroy();
    else if (failure?.kind !== 'stall' || cutAt === end) res.end();
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
    change: (pathEnd) => void changes.push(pathEnd),
    close: () =>
      new Promise((done, failed) => {
        for (const res of sockets) res.destroy();
        server.closeAllConnections();
        server.close((error) => (error ? failed(error) : done()));
      }),
  };
}
