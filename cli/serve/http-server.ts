/** HTTP as the served APIs need it: admission, routes, bodies with a limit, an abort signal per request, an orderly end. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../../src/protocol/errors';
import { Access, type AccessRules } from './access';
import { ApiError, toApiError } from './api-error';

/** One request and the answer to it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The rest of the path after a route that ends in `/*`. */
  rest: string;
  /** Fires when the client has gone, or when the server stops. */
  signal: AbortSignal;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

export interface Route {
  method: 'GET' | 'POST';
  /** `/v1/models`, or `/v1/models/*` with something in place of the star. */
  path: string;
  /** Answers without a key, too. */
  open?: boolean;
  handle: Handler;
}

export interface HttpServerOptions extends AccessRules {
  /** 0: any that is free. */
  port: number;
  routes: readonly Route[];
  /** One line per answered request: method, path, status, milliseconds. Never contents. */
  log: (line: string) => void;
  /** Unexpected errors, with their stacks. */
  onError: (error: unknown) => void;
}

export interface HttpServer {
  readonly url: string;
  /** Takes nothing new, lets what runs finish for so long, then stops it. */
  stop(graceMs: number): Promise<void>;
}

export function sendJson(response: ServerResponse, status: number, document: unknown): void {
  const body = JSON.stringify(document);
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}

/** @throws ApiError 400 */
function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw new ApiError(400, 'The address cannot be read.');
  }
}

/** The routes of a path, whatever their method; a star stands for one or more characters, slashes included. */
function matching(routes: readonly Route[], path: string): { route: Route; rest: string }[] {
  return routes.flatMap((route) => {
    if (route.path === path) return [{ route, rest: '' }];
    if (!route.path.endsWith('/*')) return [];
    const beginning = route.path.slice(0, -1);
    return path.startsWith(beginning) && path.length > beginning.length
      ? [{ route, rest: path.slice(beginning.length) }]
      : [];
  });
}

function sendError(response: ServerResponse, error: unknown): void {
  const refusal = toApiError(error);
  if (response.headersSent) {
    // A stream ends with the error as its last event, and without the sign of a complete answer.
    if (!response.writableEnded) response.end(`data: ${JSON.stringify(refusal.document())}\n\n`);
    return;
  }
  for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value);
  sendJson(response, refusal.status, refusal.document());
}

/** @throws AppError BAD_INPUT where the address cannot be listened on */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, routes, log, onError } = options;
  const access = new Access(options);
  const stopping = new AbortController();
  const active = new Set<Promise<void>>();
  const state = { closing: false };

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    access.admit(request, response);
    const path = decoded(() => new URL(request.url ?? '/', 'http://server').pathname);
    if (request.method === 'OPTIONS') {
      access.preflight(request, response);
      return;
    }
    if (state.closing) throw new ApiError(503, 'The server is stopping.', { code: 'stopping' });
    const found = matching(routes, path);
    const match = found.find(({ route }) => route.method === request.method);
    if (match?.route.open !== true) access.authorise(request);
    if (found.length === 0) throw new ApiError(404, `There is nothing at ${path}.`, { code: 'unknown_url' });
    if (!match) {
      const allow = found.map(({ route }) => route.method).join(', ');
      throw new ApiError(405, `${path} takes ${allow}.`, { headers: { allow } });
    }
    const rest = decoded(() => decodeURIComponent(match.rest));
    await match.route.handle({ request, response, rest, signal });
  }

  async function exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    // A broken connection is no failure of the server; the signal tells of it.
    response.on('error', () => gone.abort());
    try {
      await answer(request, response, AbortSignal.any([gone.signal, stopping.signal]));
    } catch (error) {
      if (toApiError(error).status === 500) onError(error);
      if (!gone.signal.aborted) sendError(response, error);
    }
    const path = /^[^?#]{0,200}/.exec(request.url ?? '')?.[0] ?? '';
    const status = gone.signal.aborted ? 'client left' : response.statusCode;
    log(`${request.method ?? ''} ${path} ${status} ${Math.round(performance.now() - started)} ms`);
  }

  const server = createServer((request, response) => {
    const work = exchange(request, response).catch(onError);
    active.add(work);
    void work.finally(() => active.delete(work));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const what = taken
        ? `Port ${port} is taken.`
        : `${host}:${port} cannot be listened on: ${cause.message}`;
      reject(new AppError('BAD_INPUT', what, { fix: 'Choose another with --port or --host.', cause }));
    });
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;

  return {
    url: `http://${shown}:${bound.port}`,
    async stop(graceMs) {
      state.closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
      while (active.size > 0 && !stopping.signal.aborted) {
        const done = Promise.all(active).then(() => 'done' as const);
        if ((await Promise.race([done, late])) !== 'done') stopping.abort();
      }
      clearTimeout(timer);
      // What was stopped still tells its client so.
      await Promise.all(active);
      server.closeAllConnections();
      await closed;
    },
  };
}
