/** Our client of OpenAI's API against our own server of it, with the demo's model on the CPU. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Models } from '../../cli/models';
import type { HttpServer } from '../../cli/serve/http-server';
import { startServer, type ServeOptions } from '../../cli/serve/server';
import { LocalModel } from '../lm/local-model';
import { systemClock } from '../platform/clock';
import type { AppError } from '../protocol/errors';
import type { GeneratedToken, GenerateEvent, GenerateRequest } from '../protocol/language-model';
import { testConnection } from './connection-test';
import { createOpenAiModel } from './openai';

const KEY = 'sk-served-0123456789';
const quiet = {
  out: () => undefined,
  note: () => undefined,
  json: false,
  signal: new AbortController().signal,
};
const models = new Models(quiet, 'cpu');
let model: LocalModel;
let server: HttpServer;
let lines: string[];

const start = (options: Partial<ServeOptions> = {}): Promise<HttpServer> =>
  startServer({
    ...{ host: '127.0.0.1', port: 0, origins: [], topK: 12, apiKey: KEY },
    model: { id: 'demo', model },
    log: (line) => lines.push(line),
    onError: (error) => {
      throw error;
    },
    ...options,
  });

beforeAll(async () => {
  lines = [];
  const opened = await models.open('demo');
  if (!(opened.model instanceof LocalModel)) throw new Error('The demo is no local model.');
  model = opened.model;
  server = await start();
});
afterAll(async () => {
  await server.stop(0);
  await models.dispose();
});

const client = (apiKey = KEY, url = server.url) =>
  createOpenAiModel({
    baseUrl: `${url}/v1`,
    ...{ model: 'demo', apiKey, fetch: globalThis.fetch, clock: systemClock, random: () => 0.5 },
    retry: { retries: 0 },
  });

const ask = (overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
  prompt: 'The River Arlor flows through',
  maxTokens: 40,
  temperature: 0,
  ...overrides,
});

interface Outcome {
  pieces: string[];
  tokens: GeneratedToken[];
  done: Extract<GenerateEvent, { type: 'done' }>;
}
async function read(events: AsyncIterable<GenerateEvent>): Promise<Outcome> {
  const pieces: string[] = [];
  const tokens: GeneratedToken[] = [];
  for await (const event of events) {
    if (event.type === 'done') return { pieces, tokens, done: event };
    if (event.text !== '') pieces.push(event.text);
    tokens.push(...(event.tokens ?? []));
  }
  throw new Error('no done event');
}
const failure = (events: AsyncIterable<GenerateEvent>): Promise<AppError> =>
  read(events).then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error as AppError,
  );

describe('over our own server, the client', () => {
  it.each([
    ['a raw prompt', ask()],
    [
      'a conversation',
      { messages: [{ role: 'user', content: 'Where is it?' }], maxTokens: 40, temperature: 0 },
    ],
    ['a sampled text', ask({ temperature: 1, topP: 0.9, seed: 5 })],
    ['a text cut by its limit', ask({ maxTokens: 3 })],
  ] satisfies [string, GenerateRequest][])(
    'reads what the model itself would say: %s',
    async (_what, request) => {
      const { done, pieces } = await read(client().generate(request));
      const own = await read(model.generate(request));
      expect(done.text).toBe(own.done.text);
      expect(done.text.length).toBeGreaterThan(0);
      expect(pieces.join('')).toBe(done.text);
      expect(done.finishReason).toBe(own.done.finishReason);
      const { promptTokens, completionTokens } = own.done.usage;
      expect(done.usage).toMatchObject({ promptTokens, completionTokens });
      expect(done.usage.estimated).toBeUndefined();
    },
  );

  it('gets the text in pieces', async () => {
    const { pieces } = await read(client().generate(ask()));
    expect(pieces.length).toBeGreaterThan(5);
  });

  it.each([false, true])('ends at a stop string (kept: %s) as the model itself does', async (keepStop) => {
    const whole = (await read(model.generate(ask()))).done.text;
    const stop = [whole.slice(8, 11)];
    const own = await read(model.generate(ask({ stop, keepStop })));
    const { done } = await read(client().generate(ask({ stop, keepStop })));
    expect(done).toMatchObject({ text: own.done.text, finishReason: 'stop' });
    expect(done.text.endsWith(stop[0] ?? '')).toBe(keepStop);
  });

  it('gets the log-probabilities that the model gives', async () => {
    const request = ask({ logprobs: true, maxTokens: 8 });
    const own = await read(model.generate(request));
    const { tokens } = await read(client().generate(request));
    expect(tokens.map(({ text, logprob }) => ({ text, logprob }))).toEqual(
      own.tokens.map(({ text, logprob }) => ({ text, logprob })),
    );
    expect(tokens.every(({ logprob = 1 }) => logprob <= 0)).toBe(true);
  });

  it('finds the turn before in the cache', async () => {
    const first = await read(client().generate(ask({ maxTokens: 2 })));
    const again = await read(client().generate(ask({ maxTokens: 2 })));
    expect(again.done.usage.cachedTokens).toBe(first.done.usage.promptTokens - 1);
  });

  it('stops the model when it stops reading', async () => {
    const stop = new AbortController();
    const events = client().generate(ask({ maxTokens: 2000, temperature: 5, seed: 1 }), stop.signal);
    await events[Symbol.asyncIterator]().next();
    const before = lines.length;
    stop.abort();
    await expect.poll(() => lines.slice(before).join()).toContain('client left');
    expect((await read(client().generate(ask({ maxTokens: 1 })))).done.usage.completionTokens).toBe(1);
  });

  it('is told apart what is wrong: key, model, length', async () => {
    const denied = await failure(client('sk-wrong-999').generate(ask()));
    expect(denied.code).toBe('AUTH');
    expect(denied.message).not.toContain('sk-wrong-999');
    const other = createOpenAiModel({
      ...{ baseUrl: `${server.url}/v1`, model: 'other', apiKey: KEY, fetch: globalThis.fetch },
      ...{ clock: systemClock, random: () => 0.5 },
    });
    expect((await failure(other.generate(ask()))).code).toBe('NOT_FOUND');
    expect((await failure(client().generate(ask({ prompt: 'river '.repeat(3000) })))).code).toBe(
      'CONTEXT_TOO_LONG',
    );
    expect((await failure(client().generate(ask({ topP: 0 })))).code).toBe('BAD_INPUT');
  });

  it('runs several requests at the same time', async () => {
    const requests = Array.from({ length: 4 }, (_, i) => ask({ prompt: `Passage ${i}:`, maxTokens: 8 }));
    const together = await Promise.all(requests.map((request) => read(client().generate(request))));
    for (const [i, { done }] of together.entries()) {
      expect(done.text).toBe((await read(model.generate(requests[i] ?? ask()))).done.text);
    }
  });

  it('finds it good in the connection test', async () => {
    const options = { clock: systemClock, fetch: globalThis.fetch, apiKey: KEY, model: 'demo' };
    const report = await testConnection({ ...options, baseUrl: server.url });
    expect(report).toMatchObject({ verdict: 'not-openai', fix: `Enter ${server.url}/v1.` });
    expect(await testConnection({ ...options, baseUrl: `${server.url}/v1` })).toMatchObject({
      ...{ ok: true, models: ['demo'] },
    });
  });
});
