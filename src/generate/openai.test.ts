import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOpenAiServer, type OpenAiServer, type Scenario } from '../../tests/servers/openai-server';
import { systemClock } from '../platform/clock';
import type { Clock } from '../protocol/clock';
import { AppError, toEnvelope } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../protocol/language-model';
import { createOpenAiModel, type OpenAiModelOptions } from './openai';

const KEY = 'sk-secret-0123456789';

let server: OpenAiServer;
/** The waits before retries; they pass at once. The stall guard naps for exactly 1 s, and that really. */
let waits: number[];
const impatientClock: Clock = {
  now: systemClock.now,
  sleep: (ms, signal) => {
    if (ms === 1000) return systemClock.sleep(ms, signal);
    waits.push(ms);
    return systemClock.sleep(0, signal);
  },
};

beforeEach(async () => {
  waits = [];
  server = await startOpenAiServer();
});
afterEach(() => server.close());

const modelWith = (options: Partial<OpenAiModelOptions> = {}): ReturnType<typeof createOpenAiModel> =>
  createOpenAiModel({
    baseUrl: server.baseUrl,
    model: 'test-model',
    fetch: globalThis.fetch,
    clock: systemClock,
    random: () => 0.5,
    retry: { baseMs: 1 },
    ...options,
  });

const ask = (overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
  messages: [{ role: 'user', content: 'Who built the bridge?' }],
  maxTokens: 100,
  temperature: 0,
  ...overrides,
});

async function read(events: AsyncIterable<GenerateEvent>): Promise<{
  deltas: string[];
  done: Extract<GenerateEvent, { type: 'done' }>;
}> {
  const deltas: string[] = [];
  let done: Extract<GenerateEvent, { type: 'done' }> | undefined;
  for await (const event of events) {
    expect(done).toBeUndefined();
    if (event.type === 'delta') deltas.push(event.text);
    else done = event;
  }
  if (!done) throw new Error('no done event');
  expect(deltas.join('')).toBe(done.text);
  return { deltas, done };
}

async function failure(events: AsyncIterable<GenerateEvent>): Promise<AppError> {
  try {
    await read(events);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

describe('a streamed answer', () => {
  it('comes in pieces and ends with the usage that the server reports', async () => {
    const { deltas, done } = await read(modelWith().generate(ask()));
    expect(deltas).toEqual(['Echo:', ' Who', ' built', ' the', ' bridge?']);
    expect(done.finishReason).toBe('eos');
    expect(done.usage).toMatchObject({ promptTokens: 4, completionTokens: 5, cachedTokens: 0 });
    expect(done.usage.estimated).toBeUndefined();
    expect(server.completions[0]?.body).toMatchObject({
      model: 'test-model',
      max_tokens: 100,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it.each([
    { kind: 'chopped', bytes: 1 },
    { kind: 'chopped', bytes: 3, lineEnd: '\r\n', comments: true },
    { kind: 'chopped', bytes: 5, lineEnd: '\r' },
  ] satisfies Scenario[])('survives being cut anywhere, CRLF and comments: %j', async (scenario) => {
    server.respond = () => 'Ærøskøbing 🌉 was built by Þóra — “yes”.';
    server.enqueue(scenario);
    const { done } = await read(modelWith().generate(ask()));
    expect(done.text).toBe('Ærøskøbing 🌉 was built by Þóra — “yes”.');
  });

  it('without usage and [DONE] is complete by its finish reason, with estimated counts', async () => {
    server.enqueue({ kind: 'bare' });
    const { done } = await read(modelWith().generate(ask()));
    expect(done.text).toBe('Echo: Who built the bridge?');
    expect(done.usage).toMatchObject({ estimated: true, promptTokens: 6, completionTokens: 7 });
  });

  it('that the server sends as one document all the same is read as well', async () => {
    server.enqueue({ kind: 'ignore-stream' });
    const { deltas, done } = await read(modelWith().generate(ask()));
    expect(deltas).toEqual(['Echo: Who built the bridge?']);
    expect(done.usage).toMatchObject({ promptTokens: 4, completionTokens: 5 });
  });

  it('measures the wait for the first text and the time after it apart', async () => {
    server.enqueue({ kind: 'slow', pieceMs: 20 });
    const { done } = await read(modelWith().generate(ask()));
    expect(done.usage.prefillMs).toBeGreaterThan(15);
    expect(done.usage.decodeMs).toBeGreaterThan(60);
  });

  it('says when it was cut by the token limit', async () => {
    const { done } = await read(modelWith().generate(ask({ maxTokens: 2 })));
    expect(done).toMatchObject({ text: 'Echo: Who', finishReason: 'length' });
  });

  it('leaves the reasoning of a reasoning model out', async () => {
    server.respond = () => ({ text: 'Mara.', reasoning: 'Let me think about bridges.' });
    expect((await read(modelWith().generate(ask()))).done.text).toBe('Mara.');
    server.enqueue({ kind: 'ignore-stream' });
    expect((await read(modelWith().generate(ask()))).done.text).toBe('Mara.');
  });
});

describe('what is sent', () => {
  it('turns the continuation into assistant and user messages that alternate', async () => {
    const continuation = [
      { kind: 'generated', text: '<query>a</query>' },
      { kind: 'observation', text: '<information>1</information>' },
      { kind: 'generated', text: '' },
      { kind: 'observation', text: ' once more' },
    ] satisfies GenerateRequest['continuation'];
    await read(modelWith().generate(ask({ continuation })));
    expect(server.completions[0]?.body?.['messages']).toEqual([
      { role: 'user', content: 'Who built the bridge?' },
      { role: 'assistant', content: '<query>a</query>' },
      { role: 'user', content: '<information>1</information> once more' },
    ]);
  });

  it('sends a raw prompt with its continuation to /completions', async () => {
    const request: GenerateRequest = {
      prompt: 'Once',
      continuation: [{ kind: 'generated', text: ' upon' }],
      maxTokens: 9,
      temperature: 0.7,
      topP: 0.9,
      seed: 7,
    };
    const { done } = await read(modelWith().generate(request));
    expect(done.text).toBe('Echo: Once upon');
    expect(server.completions[0]?.url).toBe('/v1/completions');
    expect(server.completions[0]?.body).toMatchObject({
      prompt: 'Once upon',
      temperature: 0.7,
      top_p: 0.9,
      seed: 7,
    });
  });

  it('needs either messages or a prompt', async () => {
    expect((await failure(modelWith().generate({ maxTokens: 1, temperature: 0 }))).code).toBe('BAD_INPUT');
    expect((await failure(modelWith().generate(ask({ prompt: 'x' })))).code).toBe('BAD_INPUT');
    expect(server.requests).toEqual([]);
  });

  it('keeps the query of the address and cleans the rest', async () => {
    const baseUrl = `${server.baseUrl}/chat/completions/?api-version=3`;
    const model = modelWith({ baseUrl });
    await read(model.generate(ask()));
    expect(server.completions[0]?.url).toBe('/v1/chat/completions?api-version=3');
    expect(model.id).toBe(`${server.baseUrl}#test-model`);
  });

  it('tries the other name of the token limit where the server wants it, once and for all', async () => {
    const message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
    server.enqueue({ kind: 'status', status: 400, message });
    const model = modelWith();
    await read(model.generate(ask()));
    await read(model.generate(ask()));
    expect(server.completions).toHaveLength(3);
    expect(server.completions[2]?.body).toMatchObject({ max_completion_tokens: 100 });
    expect(server.completions[2]?.body).not.toHaveProperty('max_tokens');
  });

  it('does without usage in the stream where the server does not know the option', async () => {
    server.enqueue({ kind: 'status', status: 422, message: 'extra fields not permitted: stream_options' });
    const { done } = await read(modelWith().generate(ask()));
    expect(done.usage.estimated).toBe(true);
  });
});

describe('stop strings', () => {
  beforeEach(() => {
    server.respond = () => '<think>a b</think> <query>who</query> and then much more text';
  });

  it('are dropped by default', async () => {
    const { done } = await read(modelWith().generate(ask({ stop: ['</query>'] })));
    expect(done.text).toBe('<think>a b</think> <query>who');
    expect(server.completions[0]?.body?.['stop']).toEqual(['</query>']);
  });

  it('are kept on request, whichever of several it was, and the rest of the stream is not read', async () => {
    server.enqueue({ kind: 'slow', pieceMs: 5 });
    const { done } = await read(
      modelWith().generate(ask({ stop: ['</nothing>', '</query>'], keepStop: true })),
    );
    expect(done.text).toBe('<think>a b</think> <query>who</query>');
    expect(done.finishReason).toBe('stop');
    await expect.poll(() => server.completions[0]?.aborted).toBe(true);
  });

  it('hold although the server ignores them', async () => {
    server.enqueue({ kind: 'status', status: 400, message: "Unsupported parameter: 'stop'" });
    const { done } = await read(modelWith().generate(ask({ stop: ['</query>'] })));
    expect(done).toMatchObject({ text: '<think>a b</think> <query>who', finishReason: 'stop' });
  });
});

describe('retries', () => {
  it('wait as long as Retry-After says after a 429, then succeed', async () => {
    server.enqueue({ kind: 'status', status: 429, retryAfter: '7' });
    const { done } = await read(modelWith({ clock: impatientClock }).generate(ask()));
    expect(done.text).toContain('Echo');
    expect(waits).toEqual([7000]);
  });

  it('do not wait longer than the cap, whatever Retry-After says', async () => {
    server.enqueue({ kind: 'status', status: 429, retryAfter: 'Fri, 31 Dec 2100 23:59:59 GMT' });
    await read(modelWith({ clock: impatientClock }).generate(ask()));
    expect(waits).toEqual([60_000]);
  });

  it('back off exponentially on 5xx and give up after the last', async () => {
    for (let i = 0; i < 4; i++) server.enqueue({ kind: 'status', status: 503, message: 'overloaded' });
    const retry = { baseMs: 400, retries: 3 };
    const model = modelWith({ clock: impatientClock, retry });
    const error = await failure(model.generate(ask()));
    expect(error).toMatchObject({ code: 'BAD_RESPONSE', recoverable: true });
    expect(error.message).toContain('overloaded');
    expect(waits).toEqual([300, 600, 1200]);
    expect(server.completions).toHaveLength(4);
  });

  it('cover a connection that breaks before the first text', async () => {
    server.enqueue({ kind: 'cut', afterPieces: 0 }, { kind: 'cut', afterPieces: 1 });
    const { done } = await read(modelWith().generate(ask()));
    expect(done.text).toBe('Echo: Who built the bridge?');
    expect(server.completions).toHaveLength(3);
  });

  it('do not happen once text was handed out', async () => {
    server.enqueue({ kind: 'cut', afterPieces: 3 });
    const error = await failure(modelWith().generate(ask()));
    expect(error).toMatchObject({ code: 'NETWORK', recoverable: true });
    expect(error.message).toContain('broke its answer off');
    expect(server.completions).toHaveLength(1);
  });

  it.each([
    [400, 'BAD_INPUT'],
    [401, 'AUTH'],
    [402, 'PERMISSION'],
    [403, 'AUTH'],
    [404, 'NOT_FOUND'],
    [422, 'BAD_INPUT'],
  ])('do not happen on status %i, which is %s', async (status, code) => {
    server.enqueue({ kind: 'status', status });
    const error = await failure(modelWith().generate(ask()));
    expect(error.code).toBe(code);
    expect(error.fix).not.toBe('');
    expect(server.completions).toHaveLength(1);
  });

  it('do not happen when the account has no credit, although the status is 429', async () => {
    server.enqueue({ kind: 'status', status: 429, code: 'insufficient_quota' });
    expect((await failure(modelWith().generate(ask()))).code).toBe('PERMISSION');
    expect(server.completions).toHaveLength(1);
  });

  it('end at once on abort', async () => {
    server.enqueue({ kind: 'status', status: 429, retryAfter: '30' });
    const controller = new AbortController();
    const result = failure(modelWith().generate(ask(), controller.signal));
    await systemClock.sleep(50);
    controller.abort();
    expect((await result).code).toBe('ABORTED');
  });
});

describe('failures', () => {
  it('of a server that is not there', async () => {
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
    const { port } = socket.address() as AddressInfo;
    await new Promise((resolve) => socket.close(resolve));
    const error = await failure(modelWith({ baseUrl: `http://127.0.0.1:${port}/v1` }).generate(ask()));
    expect(error).toMatchObject({ code: 'NETWORK', recoverable: true });
    expect(error.fix).toContain('Test connection');
  });

  it.each([
    ['before the headers', -1],
    ['in the middle', 3],
  ])('of an endpoint that falls silent %s', async (_where, afterPieces) => {
    server.enqueue({ kind: 'stall', afterPieces });
    const model = modelWith({ firstByteTimeoutMs: 60, stallTimeoutMs: 60 });
    expect(await failure(model.generate(ask()))).toMatchObject({ code: 'TIMEOUT', recoverable: true });
    expect(server.completions).toHaveLength(1);
  });

  it('of a slow endpoint are none, as long as something comes in time', async () => {
    server.enqueue({ kind: 'slow', pieceMs: 120 });
    const model = modelWith({ firstByteTimeoutMs: 500, stallTimeoutMs: 500 });
    expect((await read(model.generate(ask()))).done.text).toBe('Echo: Who built the bridge?');
  });

  it('of a stream that stops being JSON', async () => {
    server.enqueue({ kind: 'malformed', afterPieces: 2 });
    expect((await failure(modelWith().generate(ask()))).code).toBe('BAD_RESPONSE');
  });

  it('that the server reports inside its stream', async () => {
    server.enqueue({ kind: 'error-in-stream', afterPieces: 3, message: 'CUDA out of memory' });
    const error = await failure(modelWith().generate(ask()));
    expect(error.code).toBe('BAD_RESPONSE');
    expect(error.message).toContain('CUDA out of memory');
  });

  it.each([
    ['text/html', '<!doctype html><h1>Welcome</h1>'],
    ['application/json', '{"hello":"world"}'],
    ['application/json', '{"choices": 3}'],
    ['text/plain', ''],
  ])('of something else that answers: %s %s', async (contentType, body) => {
    for (let i = 0; i < 4; i++) server.enqueue({ kind: 'foreign', contentType, body });
    const error = await failure(modelWith().generate(ask()));
    expect(['BAD_RESPONSE', 'NETWORK']).toContain(error.code);
  });

  it('by a prompt that is too long have a code of their own', async () => {
    const message = "This model's maximum context length is 8192 tokens.";
    server.enqueue({ kind: 'status', status: 400, message, code: 'context_length_exceeded' });
    expect((await failure(modelWith().generate(ask()))).code).toBe('CONTEXT_TOO_LONG');
  });
});

describe('stopping', () => {
  it('by signal ends the request in the middle of a stream', async () => {
    server.enqueue({ kind: 'slow', pieceMs: 30 });
    const controller = new AbortController();
    const seen: string[] = [];
    const error = await failure(
      (async function* () {
        for await (const event of modelWith().generate(ask(), controller.signal)) {
          seen.push(event.type);
          controller.abort();
          yield event;
        }
      })(),
    );
    expect(error.code).toBe('ABORTED');
    expect(seen).toEqual(['delta']);
    await expect.poll(() => server.completions[0]?.aborted).toBe(true);
  });

  it('before the first byte and before the request works as well', async () => {
    server.enqueue({ kind: 'stall', afterPieces: -1 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 40);
    expect((await failure(modelWith().generate(ask(), controller.signal))).code).toBe('ABORTED');
    expect((await failure(modelWith().generate(ask(), controller.signal))).code).toBe('ABORTED');
    expect(server.completions).toHaveLength(1);
  });

  it('by leaving the loop ends the request', async () => {
    server.enqueue({ kind: 'slow', pieceMs: 30 });
    for await (const event of modelWith().generate(ask())) {
      expect(event.type).toBe('delta');
      break;
    }
    await expect.poll(() => server.completions[0]?.aborted).toBe(true);
  });
});

describe('the key', () => {
  it('goes into the Authorization header, and nowhere else', async () => {
    await server.close();
    server = await startOpenAiServer({ apiKey: KEY });
    const model = modelWith({ apiKey: () => KEY });
    const events: GenerateEvent[] = [];
    for await (const event of model.generate(ask())) events.push(event);
    const request = server.completions[0];
    expect(request?.headers['authorization']).toBe(`Bearer ${KEY}`);
    expect(JSON.stringify({ url: request?.url, body: request?.body, events, id: model.id })).not.toContain(
      KEY,
    );
  });

  it('is asked for at every request, so that it can be forgotten', async () => {
    let key: string | undefined = KEY;
    const model = modelWith({ apiKey: () => key });
    await read(model.generate(ask()));
    key = undefined;
    await read(model.generate(ask()));
    expect(server.completions.map(({ headers }) => headers['authorization'])).toEqual([
      `Bearer ${KEY}`,
      undefined,
    ]);
  });

  it.each([
    { kind: 'status', status: 401, message: `Incorrect API key provided: ${KEY}. Bearer ${KEY}` },
    { kind: 'status', status: 500, body: `trace: authorization=Bearer ${KEY}` },
    { kind: 'status', status: 400, body: `${'x'.repeat(290)}${KEY}` },
    { kind: 'foreign', contentType: 'application/json', body: `{"echo":"${KEY}"}` },
    { kind: 'foreign', contentType: 'text/event-stream', body: `data: {"echo": ${KEY}\n\n` },
    { kind: 'error-in-stream', afterPieces: 1, message: `bad key ${KEY}` },
    { kind: 'redirect', location: `/v1/elsewhere?key=${KEY}` },
    { kind: 'cut', afterPieces: 0 },
    { kind: 'stall', afterPieces: -1 },
  ] satisfies Scenario[])('never shows in an error, even if the server echoes it: %j', async (scenario) => {
    server.enqueue(scenario, scenario, scenario, scenario);
    const model = modelWith({ apiKey: KEY, firstByteTimeoutMs: 60, stallTimeoutMs: 60 });
    const error = await failure(model.generate(ask()));
    const everything = inspect(error, { depth: 10 }) + JSON.stringify(toEnvelope(error));
    expect(everything).not.toContain(KEY);
    expect(everything).not.toContain(KEY.slice(0, 9));
  });

  it('with a line break in it is refused without being quoted', async () => {
    const error = await failure(modelWith({ apiKey: `${KEY}\n` }).generate(ask()));
    expect(error.code).toBe('AUTH');
    expect(inspect(error)).not.toContain(KEY);
    expect(server.requests).toEqual([]);
  });

  it('does not follow a redirect', async () => {
    const other = await startOpenAiServer();
    server.enqueue({ kind: 'redirect', location: `${other.baseUrl}/chat/completions` });
    expect((await failure(modelWith({ apiKey: KEY }).generate(ask()))).message).toContain('redirects');
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it('inside the address is refused', () => {
    expect(() => modelWith({ baseUrl: `https://user:${KEY}@example.org/v1` })).toThrow(/name or a password/);
  });
});
