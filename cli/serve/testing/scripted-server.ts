import { expect } from 'vitest';
import type { Hit, Passage, Retriever } from '../../../src/protocol/retrieval';
import type { HttpServer } from '../http-server';
import { startServer, type ServeOptions } from '../server';
import { ScriptedModel } from './scripted-model';

const passage: Passage = { id: '7', title: 'Aar', text: 'A river.', metadata: { source: 'atlas' } };

/** Finds the same passage as often as is asked for, and nothing for the empty query. */
const retriever: Retriever = {
  search: (queries, topK): Promise<Hit[][]> =>
    Promise.resolve(
      queries.map((query) =>
        Array.from({ length: query === '' ? 0 : topK }, (_, i) => ({
          passage,
          score: 1 / (i + 1),
          rank: i + 1,
        })),
      ),
    ),
};

export interface Refusal {
  status: number;
  message: string;
  type: string;
  code: string | null;
  param: string | null;
}

export interface Choice {
  index: number;
  text?: string;
  message?: { content: string };
  delta?: { role?: string; content?: string };
  finish_reason: string | null;
  stop_reason?: string | null;
  logprobs: Record<string, unknown> | null;
}

export interface Answer {
  choices: Choice[];
  usage: Record<string, unknown> | null;
}

/** A server on a loopback port over a scripted model and a retriever of one passage, and a client of it. */
export class ScriptedServer {
  readonly model = new ScriptedModel();
  /** What it logged, and the errors that it did not foresee. */
  readonly lines: string[] = [];
  readonly failures: unknown[] = [];
  server!: HttpServer;

  static async start(options: Partial<ServeOptions> = {}): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    scripted.server = await scripted.another(options);
    return scripted;
  }

  another(options: Partial<ServeOptions> = {}): Promise<HttpServer> {
    return startServer({
      ...{ host: '127.0.0.1', port: 0, origins: [], topK: 12 },
      model: { id: 'scripted', model: this.model },
      corpus: { retriever, name: 'atlas', mode: 'bm25' },
      log: (line) => this.lines.push(line),
      onError: (error) => this.failures.push(error),
      ...options,
    });
  }

  async restart(options: Partial<ServeOptions>): Promise<void> {
    await this.server.stop(0);
    this.server = await this.another(options);
  }

  /** The model waits at its next character until the function that this gives is called. */
  hold(): () => void {
    let go = (): void => undefined;
    this.model.pause = new Promise((resolve) => (go = resolve));
    return go;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.server.url + path, { headers });
  }

  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return fetch(this.server.url + path, { method: 'POST', body: text, ...init });
  }

  chat(body: Record<string, unknown> = {}, init: RequestInit = {}): Promise<Response> {
    const messages = [{ role: 'user', content: 'Hi' }];
    const request = { model: 'scripted', messages, temperature: 0, ...body };
    return this.post('/v1/chat/completions', request, init);
  }

  text(body: Record<string, unknown> = {}): Promise<Response> {
    return this.post('/v1/completions', { model: 'scripted', prompt: 'Hi', temperature: 0, ...body });
  }
}

async function read(response: Promise<Response>): Promise<{ status: number; body: unknown }> {
  const { status, ...rest } = await response.then(async (r) => ({ status: r.status, text: await r.text() }));
  return { status, body: JSON.parse(rest.text) as unknown };
}

export async function refusal(response: Promise<Response>): Promise<Refusal> {
  const { status, body } = await read(response);
  return { status, ...(body as { error: Omit<Refusal, 'status'> }).error };
}

export async function answer(response: Promise<Response>): Promise<Answer> {
  const { status, body } = await read(response);
  expect(body).not.toHaveProperty('error');
  expect(status).toBe(200);
  return body as Answer;
}

/** The events of a stream, which must be complete. */
export async function chunks(response: Promise<Response>): Promise<Answer[]> {
  const body = await response.then((r) => r.text());
  const data = body.split('\n\n').filter((line) => line.startsWith('data: '));
  expect(data.at(-1)).toBe('data: [DONE]');
  return data.slice(0, -1).map((line) => JSON.parse(line.slice(6)) as Answer);
}

/** What one choice of a stream said. */
export const said = (events: readonly Answer[], index = 0): string =>
  events
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ text, delta }) => text ?? delta?.content ?? '')
    .join('');
