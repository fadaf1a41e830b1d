import { afterEach, describe, expect, it } from 'vitest';
import { AppError, toEnvelope } from '../../protocol/errors';
import type { GenerateEvent, LanguageModel } from '../../protocol/language-model';
import { connect, serve, type RpcConnection, type WorkerLike } from './connection';
import { readRemote, remoteLanguageModel } from './remote-language-model';

const pause = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const log: string[] = [];

const api = {
  add: (a: number, b: number) => a + b,
  fail(): never {
    throw new AppError('STORAGE_FULL', 'The disk is full.', {
      fix: 'Delete a corpus.',
      recoverable: true,
      context: { neededBytes: 12, volume: 'opfs', retried: false },
    });
  },
  async failLater(): Promise<never> {
    await pause();
    throw new RangeError('odd');
  },
  throwText(): never {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- foreign code does so
    throw 'text';
  },
  never: () => new Promise<number>(() => undefined),
  async waitForAbort(signal: AbortSignal): Promise<string> {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return toEnvelope(signal.reason).code;
  },
  async *count(upTo: number, signal?: AbortSignal): AsyncGenerator<number> {
    try {
      for (let i = 1; i <= upTo; i++) {
        if (signal?.aborted) throw new AppError('ABORTED', 'Stopped.');
        log.push(`made ${i}`);
        yield i;
        await pause(1);
      }
    } finally {
      log.push('cleaned up');
    }
  },
  async *breakDown(): AsyncGenerator<number> {
    yield 1;
    await pause(1);
    throw new AppError('DEVICE_LOST', 'The GPU is gone.', { fix: 'Wait.', recoverable: true });
  },
  async *unsendable(): AsyncGenerator<() => void> {
    yield () => undefined;
    await pause(1);
  },
};

let open: { connection: RpcConnection<typeof api>; port: MessagePort } | undefined;

function start(): RpcConnection<typeof api> {
  const { port1, port2 } = new MessageChannel();
  serve(api, port1);
  const worker: WorkerLike & { terminate: () => void } = Object.assign(port2, {
    terminate: () => {
      port1.close();
      port2.close();
    },
  });
  const connection = connect<typeof api>(worker);
  open = { connection, port: port2 };
  return connection;
}

const caught = async (promise: Promise<unknown>): Promise<AppError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, got ${String(error)}`);
  return error;
};

async function take<T>(iterable: AsyncIterable<T>, limit = Infinity): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterable) {
    items.push(item);
    if (items.length >= limit) break;
  }
  return items;
}

afterEach(() => {
  open?.connection.close();
  open?.port.close();
  open = undefined;
  log.length = 0;
});

describe('errors', () => {
  it('keep code, fix, recoverable and context across threads', async () => {
    const error = await caught(start().remote.fail());
    expect(toEnvelope(error)).toEqual({
      code: 'STORAGE_FULL',
      message: 'The disk is full.',
      fix: 'Delete a corpus.',
      recoverable: true,
      context: { neededBytes: 12, volume: 'opfs', retried: false },
    });
    expect(error.stack).toContain('on the other side');
  });

  it('of a foreign class arrive as INTERNAL with their message, also when they come late', async () => {
    const { remote } = start();
    expect(toEnvelope(await caught(remote.failLater()))).toMatchObject({ code: 'INTERNAL', message: 'odd' });
    expect(toEnvelope(await caught(remote.throwText()))).toMatchObject({ code: 'INTERNAL', message: 'text' });
  });
});

describe('abort signals', () => {
  it('fire on the other side when they fire here', async () => {
    const controller = new AbortController();
    const answer = start().remote.waitForAbort(controller.signal);
    await pause();
    controller.abort();
    expect(await answer).toBe('ABORTED');
  });

  it('that have fired before the call arrive fired', async () => {
    expect(await start().remote.waitForAbort(AbortSignal.abort())).toBe('ABORTED');
  });

  it('carry an AppError as their reason', async () => {
    const controller = new AbortController();
    const answer = start().remote.waitForAbort(controller.signal);
    controller.abort(new AppError('TIMEOUT', 'Too slow.'));
    expect(await answer).toBe('TIMEOUT');
  });
});

describe('async iterables', () => {
  it('arrive item by item and in order', async () => {
    expect(await take(await start().remote.count(20))).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(log.at(-1)).toBe('cleaned up');
  });

  it('produce nothing ahead of the reader, and clean up when the reader stops', async () => {
    expect(await take(await start().remote.count(1000), 2)).toEqual([1, 2]);
    expect(log).toEqual(['made 1', 'made 2', 'cleaned up']);
  });

  it('pass on what the producer throws, after the items before it', async () => {
    const seen: number[] = [];
    const error = await caught(
      (async () => {
        for await (const item of await start().remote.breakDown()) seen.push(item);
      })(),
    );
    expect(seen).toEqual([1]);
    expect(error).toMatchObject({ code: 'DEVICE_LOST', fix: 'Wait.', recoverable: true });
  });

  it('stop through the abort signal that was given with the call', async () => {
    const controller = new AbortController();
    const iterable = await start().remote.count(1000, controller.signal);
    const error = await caught(
      (async () => {
        for await (const item of iterable) if (item === 3) controller.abort();
      })(),
    );
    expect(error.code).toBe('ABORTED');
    expect(log.at(-1)).toBe('cleaned up');
  });

  it('report an item that cannot be sent instead of waiting for ever', async () => {
    const error = await caught(
      (async () => take((await start().remote.unsendable()) as unknown as AsyncIterable<unknown>))(),
    );
    expect(error.code).toBe('INTERNAL');
  });
});

describe('a lost worker', () => {
  it('answers every waiting call, and every later one, with the reason', async () => {
    const connection = start();
    const waiting = connection.remote.never();
    open?.port.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
    expect((await caught(waiting)).message).toBe('A worker failed: out of memory');
    expect((await caught(connection.remote.add(1, 2))).message).toBe('A worker failed: out of memory');
    expect(connection.lost.aborted).toBe(true);
  });

  it('ends a stream that is being read', async () => {
    const connection = start();
    const stream = readRemote(() => connection.remote.count(1000), { lost: connection.lost });
    await stream.next();
    connection.close();
    expect((await caught(stream.next())).code).toBe('ABORTED');
  });

  it('does not disturb calls that were answered before', async () => {
    const connection = start();
    expect(await connection.remote.add(2, 3)).toBe(5);
    connection.close();
    expect((await caught(connection.remote.add(2, 3))).code).toBe('ABORTED');
  });
});

describe('reading from a worker', () => {
  it('stops at once on abort, while the producer is still busy, and lets it clean up', async () => {
    const { remote, lost } = start();
    const controller = new AbortController();
    const stream = readRemote(() => remote.count(1000), { lost, signal: controller.signal });
    expect((await stream.next()).value).toBe(1);
    controller.abort();
    expect((await caught(stream.next())).code).toBe('ABORTED');
    await expect.poll(() => log.at(-1)).toBe('cleaned up');
  });

  it('lets the producer clean up when the reader leaves the loop', async () => {
    const { remote, lost } = start();
    await take(
      readRemote(() => remote.count(1000), { lost }),
      2,
    );
    await expect.poll(() => log).toEqual(['made 1', 'made 2', 'cleaned up']);
  });
});

describe('remoteLanguageModel', () => {
  const done: GenerateEvent = {
    type: 'done',
    text: 'hello',
    finishReason: 'eos',
    usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 2, prefillMs: 0, decodeMs: 0 },
  };
  const model: LanguageModel = {
    id: 'echo',
    async *generate() {
      yield { type: 'delta', text: 'hel' };
      await pause(1);
      yield { type: 'delta', text: 'lo' };
      yield done;
    },
    countTokens: (texts) => Promise.resolve(texts.map((text) => text.length)),
  };

  it('streams and counts as the model in the worker does', async () => {
    const { port1, port2 } = new MessageChannel();
    serve(model, port1);
    const connection = connect<LanguageModel>(port2);
    const remote = remoteLanguageModel('echo', connection.remote, connection.lost);
    const request = { prompt: 'x', maxTokens: 5, temperature: 0 };
    expect(await take(remote.generate(request))).toEqual([
      { type: 'delta', text: 'hel' },
      { type: 'delta', text: 'lo' },
      done,
    ]);
    expect(await remote.countTokens(['a', 'bcd'])).toEqual([1, 3]);
    expect((await caught(take(remote.generate(request, AbortSignal.abort())))).code).toBe('ABORTED');
    port1.close();
    port2.close();
  });
});
