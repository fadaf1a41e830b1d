/**
 * An OpenAI-compatible endpoint on loopback, for tests: a real HTTP server that plays a model (`respond`) and, on demand,
 * every way in which such endpoints fail. Each request takes the next queued scenario; with an empty queue it is answered
 * normally, streamed or not as asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { completionDocument, streamPieces, type Dialect, type ServerMessage } from './openai-wire';

export type { ServerMessage } from './openai-wire';

/** What the played model says: a text, or a text with its reasoning and its reason to stop. */
export type Reply = string | { text: string; reasoning?: string; finishReason?: string };

export type Scenario =
  /** Answered as usual; spelled out where a failure comes first and then success. */
  | { kind: 'normal' }
  /** An error status with OpenAI's error document (or `body` as it is). `retryAfter` is the header's value. */
  | { kind: 'status'; status: number; retryAfter?: string; body?: string; code?: string; message?: string }
  /** The connection breaks after so many pieces of the stream (0: before the headers). */
  | { kind: 'cut'; afterPieces: number }
  /** Nothing more comes after so many pieces, and the connection stays open (-1: not even headers). */
  | { kind: 'stall'; afterPieces: number }
  /** The stream turns into something that is not JSON after so many pieces. */
  | { kind: 'malformed'; afterPieces: number }
  /** So many milliseconds pass before every piece. */
  | { kind: 'slow'; pieceMs: number }
  /** `stream: true` is ignored, and the whole completion comes as one JSON document. */
  | { kind: 'ignore-stream' }
  /** The error comes inside a stream that began with status 200. */
  | { kind: 'error-in-stream'; afterPieces: number; message: string }
  /** The stream is written in chunks of so many bytes, cut anywhere, also inside a character. */
  | { kind: 'chopped'; bytes: number; lineEnd?: '\n' | '\r\n' | '\r'; comments?: boolean }
  /** No `usage`, no `[DONE]`. */
  | { kind: 'bare' }
  /** A status 200 with some other document. */
  | { kind: 'foreign'; contentType: string; body: string }
  /** A redirect. */
  | { kind: 'redirect'; location: string };

export interface RecordedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string>;
  /** The parsed body; undefined where there was none or it was not JSON. */
  body: Record<string, unknown> | undefined;
  /** Whether the client went away before the answer was complete. */
  aborted: boolean;
}

export interface OpenAiServerOptions {
  /** What the model answers. Raw prompts arrive as one user message. Default: `Echo: ` and the last message. */
  respond?: (messages: ServerMessage[], request: RecordedRequest) => Reply | Promise<Reply>;
  /** Ids in `/v1/models`. Default: `test-model`. */
  models?: string[];
  /** With a key, requests without `Bearer <key>` get a 401. */
  apiKey?: string;
  /** `*`, one origin, or false (default): no CORS headers at all. */
  cors?: string | false;
  /** Answers a foreign `Origin` with an empty 403, as Ollama does. */
  refuseForeignOrigins?: boolean;
  /** Whether `GET /v1/models` exists. Default true. */
  listsModels?: boolean;
}

export interface OpenAiServer {
  /** `http://127.0.0.1:<port>/v1` */
  readonly baseUrl: string;
  readonly requests: RecordedRequest[];
  /** Completions only, without `/models` and preflights. */
  readonly completions: RecordedRequest[];
  respond: NonNullable<OpenAiServerOptions['respond']>;
  enqueue(...scenarios: Scenario[]): void;
  close(): Promise<void>;
}

const DIALECTS: Partial<Record<string, Dialect>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'completion',
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function readBody(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
  } catch {
    return undefined; // not JSON: the handler answers 400
  }
}

/** Writes the pieces of one streamed completion as its scenario wants. */
async function writeStream(response: ServerResponse, pieces: string[], scenario: Scenario): Promise<void> {
  const begin = (): ServerResponse =>
    response.headersSent
      ? response
      : response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const limit = 'afterPieces' in scenario ? scenario.afterPieces : Infinity;
  if (scenario.kind === 'chopped') {
    const end = scenario.lineEnd ?? '\n';
    const text = pieces.map(
      (piece) => (scenario.comments ? `: keep-alive${end}` : '') + `data: ${piece}${end}${end}`,
    );
    const bytes = Buffer.from(text.join(''), 'utf8');
    begin();
    for (let at = 0; at < bytes.length; at += scenario.bytes) {
      response.write(bytes.subarray(at, at + scenario.bytes));
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
    return;
  }
  if (limit >= 0) begin().flushHeaders();
  for (const [index, piece] of pieces.entries()) {
    if (index >= limit) break;
    if (scenario.kind === 'slow') await pause(scenario.pieceMs);
    if (response.destroyed) return;
    response.write(`data: ${piece}\n\n`);
  }
  if (scenario.kind === 'stall') return;
  // Let what was written leave the socket before it is broken.
  if (scenario.kind === 'cut') return void setTimeout(() => response.socket?.destroy(), 20);
  if (scenario.kind === 'malformed') response.write('data: {"choices": [{"delta": {"content": \n\n');
  if (scenario.kind === 'error-in-stream') {
    response.write(
      `data: ${JSON.stringify({ error: { message: scenario.message, type: 'server_error' } })}\n\n`,
    );
  }
  response.end();
}

export async function startOpenAiServer(options: OpenAiServerOptions = {}): Promise<OpenAiServer> {
  const queue: Scenario[] = [];
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const models = options.models ?? ['test-model'];

  const sendJson = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const sendError = (response: ServerResponse, status: number, message: string, code?: string): void =>
    sendJson(response, status, { error: { message, type: 'invalid_request_error', ...(code && { code }) } });

  const allowOrigins = (response: ServerResponse): void => {
    if (!options.cors) return;
    response.setHeader('access-control-allow-origin', options.cors);
    response.setHeader('access-control-allow-headers', 'authorization, content-type');
    response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS');
  };

  /** The scenarios that never come to an answer of the model. Says whether this was one. */
  const failAtOnce = (scenario: Scenario, response: ServerResponse): boolean => {
    if (scenario.kind === 'status') {
      if (scenario.retryAfter !== undefined) response.setHeader('retry-after', scenario.retryAfter);
      if (scenario.body === undefined) {
        sendError(response, scenario.status, scenario.message ?? 'no', scenario.code);
      } else {
        response.writeHead(scenario.status, { 'content-type': 'text/plain' }).end(scenario.body);
      }
    } else if (scenario.kind === 'foreign') {
      response.writeHead(200, { 'content-type': scenario.contentType }).end(scenario.body);
    } else if (scenario.kind === 'redirect') {
      response.writeHead(307, { location: scenario.location }).end();
    } else if (scenario.kind === 'cut' && scenario.afterPieces === 0) {
      response.socket?.destroy();
    } else {
      return false;
    }
    return true;
  };

  const complete = async (
    dialect: Dialect,
    record: RecordedRequest,
    response: ServerResponse,
  ): Promise<void> => {
    const scenario = queue.shift() ?? { kind: 'normal' };
    if (failAtOnce(scenario, response)) return;
    const { body } = record;
    const model = body?.['model'];
    if (!body) {
      sendError(response, 400, 'The body is not JSON.');
    } else if (typeof model !== 'string' || !models.includes(model)) {
      sendError(response, 404, `The model \`${String(model)}\` does not exist.`, 'model_not_found');
    } else {
      const messages =
        dialect === 'chat'
          ? (body['messages'] as ServerMessage[])
          : [{ role: 'user', content: String(body['prompt']) }];
      const reply = await served.respond(messages, record);
      const answer = typeof reply === 'string' ? { text: reply } : reply;
      if (body['stream'] !== true || scenario.kind === 'ignore-stream') {
        sendJson(response, 200, completionDocument(dialect, answer, body, messages));
      } else {
        const bare = scenario.kind === 'bare';
        await writeStream(response, streamPieces(dialect, answer, body, messages, bare), scenario);
      }
    }
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const record: RecordedRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers,
      body: await readBody(request),
      aborted: false,
    };
    requests.push(record);
    response.on('close', () => (record.aborted = !response.writableEnded));

    const path = new URL(record.url, 'http://server').pathname;
    const isModels = path === '/v1/models' && options.listsModels !== false;
    const dialect = DIALECTS[path];
    const key = headers['authorization'] ?? 'none';
    if (options.refuseForeignOrigins && headers['origin'] !== undefined) {
      response.writeHead(403).end();
      return;
    }
    allowOrigins(response);
    if (request.method === 'OPTIONS') {
      response.writeHead(options.cors ? 204 : 405).end();
    } else if (!dialect && !isModels) {
      sendError(response, 404, `Nothing at ${path}.`);
    } else if (options.apiKey !== undefined && key !== `Bearer ${options.apiKey}`) {
      sendError(response, 401, `Incorrect API key provided: ${key}`, 'invalid_api_key');
    } else if (dialect) {
      await complete(dialect, record, response);
    } else {
      sendJson(response, 200, { object: 'list', data: models.map((id) => ({ id, object: 'model' })) });
    }
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendError(response, 500, String(error));
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const served: OpenAiServer = {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    get completions() {
      return requests.filter(({ method, url }) => method === 'POST' && url.includes('completions'));
    },
    respond: options.respond ?? ((messages) => `Echo: ${messages.at(-1)?.content ?? ''}`),
    enqueue: (...scenarios) => void queue.push(...scenarios),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return served;
}
