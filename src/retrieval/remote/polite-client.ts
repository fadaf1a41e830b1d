/** Requests to a public service: no faster than it asks for, tried again where that can help, and never its key in a message. */
import { Retryable, DEFAULT_RETRIES, parseRetryAfter, waitMs, type RetryPolicy } from '../../generate/retry';
import type { Clock, Fetch } from '../../protocol/clock';
import { AppError, throwIfAborted } from '../../protocol/errors';

export interface PoliteOptions {
  fetch: Fetch;
  clock: Clock;
  /** Between the beginnings of two requests, at least. */
  intervalMs: () => number;
  /** The service, for people. */
  name: string;
  /** What must not stand in messages, such as a key. */
  secret?: (() => string | undefined) | undefined;
  retries?: RetryPolicy | undefined;
  random?: (() => number) | undefined;
  /** Without an answer for so long, a request counts as failed. */
  timeoutMs?: number | undefined;
  /** Longer answers are refused. */
  maxBytes?: number | undefined;
  /** What to do about a 404, which is then `NOT_FOUND`. */
  notFound?: string | undefined;
}

/** A request that is more than an address. */
export interface PoliteRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | undefined;
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 64 * 1024 * 1024;

export class PoliteClient {
  readonly #options: PoliteOptions;
  /** When the next request may begin. */
  #free = -Infinity;

  constructor(options: PoliteOptions) {
    this.#options = options;
  }

  /**
   * The body of an answer.
   * @throws AppError RATE_LIMITED, NETWORK, TIMEOUT, AUTH, BAD_INPUT, BAD_RESPONSE, ABORTED
   */
  async text(url: string, signal?: AbortSignal, request: PoliteRequest = {}): Promise<string> {
    const { clock, retries = DEFAULT_RETRIES, random = Math.random } = this.#options;
    for (let failures = 0; ; failures += 1) {
      await this.#turn(signal);
      try {
        return await this.#attempt(url, signal, request);
      } catch (error) {
        throwIfAborted(signal);
        if (!(error instanceof Retryable)) throw error;
        if (failures >= retries.retries) throw error.failure;
        await clock.sleep(waitMs(retries, failures, random, error.retryAfterMs), signal);
      }
    }
  }

  /** @throws AppError as `text`; BAD_RESPONSE where the answer is no JSON */
  async json(url: string, signal?: AbortSignal, request: PoliteRequest = {}): Promise<unknown> {
    const text = await this.text(url, signal, request);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw this.#error('BAD_RESPONSE', `did not answer with JSON: ${text.slice(0, 200)}`, { cause });
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const now = clock.now();
    const begin = Math.max(now, this.#free);
    this.#free = begin + intervalMs();
    if (begin > now) await clock.sleep(begin - now, signal);
    throwIfAborted(signal);
  }

  async #attempt(
    url: string,
    signal: AbortSignal | undefined,
    { method = 'GET', headers, body: sent }: PoliteRequest,
  ): Promise<string> {
    const { fetch, timeoutMs = TIMEOUT_MS } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const response = await fetch(url, {
        ...{ signal: either, credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' },
        ...(method !== 'GET' && { method }),
        ...(headers && { headers }),
        ...(sent !== undefined && { body: sent }),
      });
      const body = await this.#body(response);
      if (!response.ok) throw this.#statusError(response, body);
      return body;
    } catch (error) {
      if (error instanceof AppError || error instanceof Retryable) throw error;
      if (timeout.aborted && !signal?.aborted) {
        throw new Retryable(
          this.#error('TIMEOUT', `did not answer within ${timeoutMs / 1000} seconds`, { cause: error }),
        );
      }
      // What `fetch` and body readers throw by themselves: no connection, or a broken one.
      throw new Retryable(this.#error('NETWORK', 'cannot be reached', { cause: error }));
    }
  }

  async #body(response: Response): Promise<string> {
    const { maxBytes = MAX_BYTES } = this.#options;
    const reader = response.body?.getReader();
    if (!reader) return '';
    const decoder = new TextDecoder();
    let [text, bytes] = ['', 0];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.length;
      if (bytes > maxBytes) {
        await reader.cancel();
        throw this.#error('BAD_RESPONSE', `answered with more than ${maxBytes} bytes`);
      }
      text += decoder.decode(value, { stream: true });
    }
  }

  #statusError(response: Response, body: string): Error {
    const { status } = response;
    const told = `answered ${status}: ${body.replace(/\s+/g, ' ').trim().slice(0, 200)}`;
    const after = parseRetryAfter(response.headers.get('retry-after'), Date.now());
    if (status === 429) return new Retryable(this.#error('RATE_LIMITED', told), after);
    if (status >= 500) return new Retryable(this.#error('NETWORK', told), after);
    const { notFound } = this.#options;
    if (status === 404 && notFound !== undefined) return this.#error('NOT_FOUND', told, { fix: notFound });
    const refusedKey = status === 401 || status === 403 || /api[ _-]?key/i.test(body);
    return this.#error(refusedKey ? 'AUTH' : 'BAD_INPUT', told);
  }

  #error(
    code: keyof typeof FIXES,
    told: string,
    { cause, fix = FIXES[code] }: { cause?: unknown; fix?: string } = {},
  ): AppError {
    const { name, secret } = this.#options;
    const key = secret?.() ?? '';
    const message = `${name} ${key === '' ? told : told.replaceAll(key, '…')}.`;
    const recoverable = code === 'RATE_LIMITED' || code === 'NETWORK' || code === 'TIMEOUT';
    return new AppError(code, message, {
      fix,
      recoverable,
      ...(cause !== undefined && { cause }),
    });
  }
}

const FIXES = {
  RATE_LIMITED: 'Wait a little, or enter a key of your own where the service gives one.',
  NETWORK: 'Check the connection, and try again.',
  TIMEOUT: 'Try again; the service may be busy.',
  AUTH: 'Check the key, or leave it out.',
  NOT_FOUND: 'Check the address.',
  BAD_INPUT: 'Check the query: the service does not understand it.',
  BAD_RESPONSE: 'Try again; if it happens every time, the service has changed.',
} as const;

/** The last so many things asked for. */
export class RecentMap<T> {
  readonly #entries = new Map<string, T>();

  constructor(private readonly most: number) {}

  get(key: string): T | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.most) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
