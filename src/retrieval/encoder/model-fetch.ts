/**
 * Fetches the files of a model: waits and tries again when the server is busy, goes on where a cut transfer ended, gives up on one that
 * stalls, and counts bytes. A response that ends early is an error, so that half a file never reaches a cache.
 */
import { AppError, throwIfAborted, type ErrorCode } from '../../protocol/errors';
import type { Clock, Fetch } from '../../protocol/clock';
import type { OnProgress } from '../../protocol/retrieval';
import { unlessAborted } from './library';

export interface ModelFetchOptions {
  fetch: Fetch;
  clock: Clock;
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
  /** Path ends of the files that must exist. The library would remember for good that it did not find one. */
  required?: readonly string[];
  /** How often a file may fail before it is given up. */
  attempts?: number;
  /** A transfer that brings no byte for this long has stalled. */
  stallMs?: number;
}

const DEFAULT_ATTEMPTS = 4;
const DEFAULT_STALL_MS = 30_000;
const MAX_WAIT_MS = 30_000;

const hostOf = (url: string): string => (/^https?:\/\//.test(url) ? new URL(url).host : 'this site');
const nameOf = (url: string): string => url.split(/[?#]/)[0]?.split('/').slice(-1)[0] ?? url;

function failure(code: ErrorCode, url: string, what: string, fix: string, cause?: unknown): AppError {
  return new AppError(code, `${nameOf(url)} could not be loaded from ${hostOf(url)}: ${what}.`, {
    fix,
    recoverable: code !== 'AUTH' && code !== 'NOT_FOUND',
    context: { url },
    ...(cause === undefined ? {} : { cause }),
  });
}

function statusFailure(url: string, status: number): AppError {
  if (status === 401 || status === 403) {
    return failure('AUTH', url, `access was refused (${status})`, 'Choose a public model.');
  }
  if (status === 429) {
    return failure('RATE_LIMITED', url, 'the server asks to wait (429)', 'Wait a few minutes and try again.');
  }
  return failure('NETWORK', url, `the server answered ${status}`, 'Try again later.');
}

const retriable = (status: number): boolean => status === 429 || status >= 500;

/** Seconds or a date, as RFC 9110 §10.2.3 allows; a hostile value cannot hold us for long. */
function retryAfterMs(response: Response, attempt: number): number {
  const header = response.headers.get('retry-after');
  const seconds = header === null ? NaN : Number(header);
  return Math.min(
    Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : 500 * 2 ** attempt,
    MAX_WAIT_MS,
  );
}

/** A `fetch` for the library's use. 404 is passed on for files that may be absent, and an error for those that may not. */
export function createModelFetch(options: ModelFetchOptions): Fetch {
  const { fetch, clock, signal } = options;
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  const stallMs = options.stallMs ?? DEFAULT_STALL_MS;

  async function request(url: string, init: RequestInit, used: { attempts: number }): Promise<Response> {
    for (;;) {
      throwIfAborted(signal);
      used.attempts++;
      const last = used.attempts >= attempts;
      let response: Response;
      try {
        response = await withStallLimit(fetch(url, { ...init, ...(signal ? { signal } : {}) }), stallMs);
      } catch (cause) {
        throwIfAborted(signal);
        if (last) throw connectionFailure(url, cause);
        await clock.sleep(500 * 2 ** used.attempts, signal);
        continue;
      }
      if (!retriable(response.status)) return response;
      if (last) throw statusFailure(url, response.status);
      await response.body?.cancel();
      await clock.sleep(retryAfterMs(response, used.attempts), signal);
    }
  }

  async function* download(
    url: string,
    init: RequestInit,
    first: Response,
    used: { attempts: number },
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const total = Number(first.headers.get('content-length') ?? NaN);
    const etag = first.headers.get('etag');
    let done = 0;
    let response = first;
    for (;;) {
      let broken: unknown = null;
      const reader = response.body?.getReader();
      try {
        while (reader) {
          // Node's `fetch` leaves a read open for good that begins after the abort.
          const step = await withStallLimit(unlessAborted(reader.read(), signal), stallMs);
          if (step.done) break;
          done += step.value.byteLength;
          options.onProgress?.({
            done,
            total: Number.isFinite(total) ? total : done,
            unit: 'bytes',
            label: nameOf(url),
          });
          yield step.value;
        }
      } catch (cause) {
        broken = cause;
      }
      reader?.cancel().catch(() => undefined); // Ended or broken already.
      throwIfAborted(signal);
      if (broken === null && (!Number.isFinite(total) || done === total)) return;
      if (broken === null && done > total) throw tooLong(url);
      const cut = broken instanceof AppError ? broken : cutShort(url, broken);
      if (used.attempts >= attempts || !etag) throw cut;
      await clock.sleep(500 * 2 ** used.attempts, signal);
      // If-Range: a file that has changed since comes from its beginning, which cannot be joined to what we have.
      const headers = new Headers(init.headers);
      headers.set('Range', `bytes=${done}-`);
      headers.set('If-Range', etag);
      response = await request(url, { ...init, headers }, used);
      if (response.status !== 206) throw cut;
    }
  }

  return async (url, init = {}) => {
    const used = { attempts: 0 };
    const response = await request(url, init, used);
    if (response.status === 404) {
      if (options.required?.some((end) => url.endsWith(end))) {
        throw failure(
          'NOT_FOUND',
          url,
          'it is not there (404)',
          'Check the name and the revision of the model.',
        );
      }
      return response;
    }
    if (!response.ok) throw statusFailure(url, response.status);
    // With compression the length that the header tells is not that of the bytes we see; a part is no whole file.
    if (response.body === null || response.headers.get('content-encoding') || response.status === 206)
      return response;
    return new Response(streamOf(download(url, init, response, used)), {
      status: response.status,
      headers: response.headers,
    });
  };
}

function streamOf(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const step = await chunks.next();
      if (step.done) controller.close();
      else controller.enqueue(step.value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

async function withStallLimit<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new AppError('TIMEOUT', `Nothing has arrived for ${Math.round(ms / 1000)} seconds.`, {
            fix: 'Check the connection and try again; what is already here is kept.',
            recoverable: true,
          }),
        ),
      ms,
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function connectionFailure(url: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  return failure('NETWORK', url, 'there is no connection', 'Check the connection and try again.', cause);
}

const cutShort = (url: string, cause: unknown): AppError =>
  failure('NETWORK', url, 'the transfer was cut short', 'Try again.', cause ?? undefined);

const tooLong = (url: string): AppError =>
  failure('INTEGRITY', url, 'more bytes came than were announced', 'Try again later.');
