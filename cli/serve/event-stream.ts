import { once } from 'node:events';
import type { Exchange } from './http-server';

/** A comment this often keeps proxies and clients from giving up while a long prompt is read. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Server-sent events. The head of the answer goes out with the first event, so that whatever fails before can still be told with a
 * status. Events wait until the client takes them.
 */
export class EventStream {
  readonly #exchange: Exchange;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(exchange: Exchange, keepAliveMs = KEEP_ALIVE_MS) {
    this.#exchange = exchange;
    this.#heartbeat = setInterval(() => void this.#write(': still at it\n\n'), keepAliveMs);
  }

  async send(document: unknown): Promise<void> {
    const { response, signal } = this.#exchange;
    if (!this.#write(`data: ${JSON.stringify(document)}\n\n`)) await once(response, 'drain', { signal });
  }

  /** The end of a complete answer. */
  finish(): void {
    this.#write('data: [DONE]\n\n');
    this.#exchange.response.end();
  }

  /** Stops the heartbeat; to be called however the answer ends. A stream that failed is ended by the server, which tells why. */
  close(): void {
    clearInterval(this.#heartbeat);
  }

  #write(text: string): boolean {
    const { response } = this.#exchange;
    if (response.writableEnded || response.destroyed) return true;
    if (!response.headersSent) {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Reverse proxies would collect the events otherwise.
        'x-accel-buffering': 'no',
      });
    }
    return response.write(text);
  }
}
