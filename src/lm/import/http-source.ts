/**
 * A file on a server, read by ranges. Reads that follow one another share a transfer: a range is asked for that is longer than the
 * read, and grows while reading goes on in order. A transfer that breaks is taken up where it broke.
 */
import type { Clock, Fetch } from '../../protocol/clock';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { ByteSource } from '../byte-source';
import { changed, failure, Retryable, statusFailure } from './http-errors';

export interface HttpTools {
  fetch: Fetch;
  clock: Clock;
  /** Attempts without a byte in between before a read is given up. Default 5. */
  attempts?: number;
  /** A transfer that brings no byte for so long has stalled. Default 30 s. */
  stallMs?: number;
  /** Of the first retry; doubles each time. Default 500 ms. */
  backoffMs?: number;
  /** What is asked for at least, since reading tends to go on. Default 16 KiB. */
  leastWindow?: number;
  /** A server that sends the whole file where a part of it was asked for is refused. Default: what is too much is thrown away. */
  partsOnly?: boolean;
}

export interface HttpFile {
  url: string;
  /** For messages. */
  name: string;
  size: number;
  /** An access token; goes to this address's origin alone: `fetch` drops it on a redirect to another. */
  token?: string | undefined;
  /** What tells one content from another, where it is known beforehand. */
  version?: string | undefined;
}

/** After a jump, since nobody knows where reading ends; then four times as much each time. */
const FIRST_WINDOW = 16 * 1024;
const GROWTH = 4;
const LARGEST_WINDOW = 64 * 1024 * 1024;
/** Of a file at most this part is asked for at once, so that little is wasted when a transfer is given up. */
const WINDOW_SHARE = 1 / 32;
/** A gap up to here is read over rather than jumped. */
const SKIP_BYTES = 64 * 1024;
/** A server without ranges sends a file from its beginning; so much of it may be thrown away. */
const MOST_THROWN_AWAY = 32 * 1024 * 1024;

interface Transfer {
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  /** Of the next byte. */
  position: number;
  /** Where it was asked to end. */
  end: number;
  rest: Uint8Array<ArrayBuffer>;
  controller: AbortController;
}

export class HttpSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly version?: string;
  readonly #file: HttpFile;
  readonly #tools: HttpTools;
  #transfer: Transfer | undefined;
  #window = FIRST_WINDOW;
  /** Where a transfer begins that goes on where the one before was to end. */
  #expected = -1;
  #etag: string | undefined;
  /** Reads take turns. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: HttpFile, tools: HttpTools) {
    this.#file = file;
    this.#tools = tools;
    this.name = file.name;
    this.size = file.size;
    if (file.version !== undefined) this.version = file.version;
  }

  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    const result = this.#last.then(() => this.#read(offset, length, signal));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends a transfer that is still open. */
  close(): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    transfer?.controller.abort();
    void transfer?.reader.cancel().catch(() => undefined); // Broken already, or just aborted.
  }

  async #read(offset: number, length: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    throwIfAborted(signal);
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new AppError('INTEGRITY', `${this.name} ends before byte ${offset + length}.`, {
        fix: 'The file is incomplete: fetch it again.',
      });
    }
    const { attempts = 5, backoffMs = 500, clock } = this.#tools;
    const out = new Uint8Array(length);
    let filled = 0;
    let failures = 0;
    while (filled < length) {
      try {
        const chunk = await this.#next(offset + filled, length - filled, signal);
        out.set(chunk, filled);
        filled += chunk.length;
        failures = 0;
      } catch (error) {
        this.close();
        throwIfAborted(signal);
        if (!(error instanceof Retryable)) throw error;
        failures += 1;
        if (failures >= attempts) throw error.failure;
        await clock.sleep(error.waitMs ?? backoffMs * 2 ** (failures - 1), signal);
      }
    }
    return out;
  }

  /** Some bytes from `position` on, at most `most`. */
  async #next(position: number, most: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const open = this.#transfer;
    const gap = open ? position - open.position : -1;
    const usable = open && gap >= 0 && gap <= SKIP_BYTES && position < open.end;
    const transfer = usable ? open : await this.#open(position, most, signal);
    while (transfer.position < position) await this.#take(transfer, position - transfer.position, signal);
    return this.#take(transfer, most, signal);
  }

  async #take(transfer: Transfer, most: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    while (transfer.rest.length === 0) {
      const { done, value } = await this.#guarded(transfer.reader.read(), transfer.controller, signal);
      if (done) throw new Retryable(this.#failure('NETWORK', 'the transfer was cut short'));
      transfer.rest = value;
    }
    if (transfer.rest.length > transfer.end - transfer.position) {
      throw this.#failure('BAD_RESPONSE', 'more bytes came than were asked for');
    }
    const taken = transfer.rest.subarray(0, most);
    transfer.rest = transfer.rest.subarray(taken.length);
    transfer.position += taken.length;
    if (transfer.position === transfer.end) this.#finish(transfer);
    return taken;
  }

  /** The end is read, too, so that the connection can serve the next transfer. */
  #finish(transfer: Transfer): void {
    this.#transfer = undefined;
    const end = ({ done }: { done: boolean }): void => {
      if (!done) transfer.controller.abort();
    };
    transfer.reader.read().then(end, () => undefined);
  }

  async #open(position: number, most: number, signal: AbortSignal | undefined): Promise<Transfer> {
    this.close();
    const follows = position === this.#expected;
    const largest = Math.max(FIRST_WINDOW, Math.min(LARGEST_WINDOW, Math.floor(this.size * WINDOW_SHARE)));
    const window = Math.min(follows ? this.#window : (this.#tools.leastWindow ?? FIRST_WINDOW), largest);
    this.#window = Math.min(window * GROWTH, LARGEST_WINDOW);
    const end = Math.min(this.size, position + Math.max(Math.min(most, LARGEST_WINDOW), window));
    this.#expected = end;
    const { url, token } = this.#file;
    const controller = new AbortController();
    const headers: Record<string, string> = { Range: `bytes=${position}-${end - 1}` };
    if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;
    const request = this.#tools.fetch(url, { headers, signal: controller.signal });
    const response = await this.#guarded(request, controller, signal);
    let start: number;
    try {
      start = this.#check(response, position, end);
    } catch (error) {
      controller.abort();
      throw error;
    }
    const transfer: Transfer = {
      reader: this.#bodyOf(response).getReader(),
      position: start,
      end: response.status === 206 ? end : this.size,
      rest: new Uint8Array(0),
      controller,
    };
    this.#transfer = transfer;
    return transfer;
  }

  /** Where the body begins. */
  #check(response: Response, position: number, end: number): number {
    const { status, headers } = response;
    if (status !== 200 && status !== 206) {
      if (status === 416) throw this.#failure('INTEGRITY', 'it is shorter than the list of files says');
      throw statusFailure(this.name, response, this.#file.token !== undefined);
    }
    // Weak and strong spellings of one tag are the same content, as some proxies write it.
    const etag = headers.get('etag')?.replace(/^W\//, '');
    if (etag !== undefined) {
      if (this.#etag !== undefined && this.#etag !== etag) throw changed(this.name);
      this.#etag = etag;
    }
    if (status === 200) {
      const length = headers.get('content-length');
      const encoded = headers.get('content-encoding') !== null;
      if (length !== null && !encoded && Number(length) !== this.size)
        throw this.#wrongLength(Number(length));
      const tooMuch = this.#tools.partsOnly === true && end - position < this.size;
      if (position > MOST_THROWN_AWAY || tooMuch)
        throw this.#failure('BAD_RESPONSE', 'the server does not send parts of files');
      return 0;
    }
    // Not every server lets a page see the header; then the count of bytes has to do.
    const range = headers.get('content-range');
    const match = range === null ? null : /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(range);
    if (range !== null && (!match || Number(match[1]) !== position || Number(match[2]) !== end - 1)) {
      if (match && match[3] !== '*' && Number(match[3]) !== this.size)
        throw this.#wrongLength(Number(match[3]));
      throw this.#failure('BAD_RESPONSE', `the server sent another part of it than was asked for`);
    }
    if (match && match[3] !== '*' && Number(match[3]) !== this.size)
      throw this.#wrongLength(Number(match[3]));
    return position;
  }

  #wrongLength(length: number): AppError {
    return this.#failure('INTEGRITY', `it has ${length} bytes where the list of files says ${this.size}`);
  }

  #bodyOf(response: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (response.body) return response.body;
    throw new Retryable(this.#failure('NETWORK', 'the answer is empty'));
  }

  /** Ends with the signal, and with TIMEOUT where nothing happens for too long. */
  async #guarded<T>(
    work: Promise<T>,
    controller: AbortController,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { stallMs = 30_000 } = this.#tools;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stop: () => void = () => undefined;
    const stopped = new Promise<never>((_resolve, reject) => {
      const seconds = Math.round(stallMs / 1000);
      const stalled = new Retryable(this.#failure('TIMEOUT', `nothing came for ${seconds} s`));
      timer = setTimeout(() => reject(stalled), stallMs);
      stop = () => reject(new AppError('ABORTED', 'Stopped.', { recoverable: true }));
    });
    signal?.addEventListener('abort', stop, { once: true });
    try {
      throwIfAborted(signal);
      return await Promise.race([work, stopped]);
    } catch (error) {
      controller.abort();
      work.catch(() => undefined); // It may still fail of the abort; this failure is the one that counts.
      throwIfAborted(signal);
      if (error instanceof Retryable) throw error;
      throw new Retryable(this.#failure('NETWORK', 'the connection failed', error));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  #failure(
    code: 'NETWORK' | 'TIMEOUT' | 'INTEGRITY' | 'BAD_RESPONSE',
    what: string,
    cause?: unknown,
  ): AppError {
    const fix =
      code === 'NETWORK' || code === 'TIMEOUT'
        ? 'Check the connection and go on; what is already here is kept.'
        : 'Start the import anew, or choose another hub.';
    return failure(code, this.name, what, fix, cause);
  }
}
