/** Asks a host as the page does, without pauses, and remembers what it asked for. A server's own record also holds what was taken back on its way. */
import type { HttpTools } from '../../src/lm/import/http-source';

export class Asking {
  /** Addresses, in order. */
  readonly asked: string[] = [];
  readonly tools: HttpTools;

  constructor(more: Partial<HttpTools> = {}) {
    this.tools = {
      fetch: (url, init) => {
        this.asked.push(url);
        return fetch(url, init);
      },
      clock: { now: () => performance.now(), sleep: () => Promise.resolve() },
      attempts: 3,
      ...more,
    };
  }

  /** What was asked for of one file. */
  about(part: string): string[] {
    return this.asked.filter((url) => url.includes(part));
  }

  forget(): void {
    this.asked.length = 0;
  }
}
