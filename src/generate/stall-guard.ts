import type { Clock } from '../protocol/clock';
import { AppError } from '../protocol/errors';

/** Aborts a request when nothing has come for too long, or when the caller does. */
export class StallGuard {
  private readonly controller = new AbortController();
  private readonly ended = new AbortController();
  private readonly stopFromCaller: () => void;
  private lastSign: number;

  constructor(
    private readonly clock: Clock,
    private limitMs: number,
    private readonly caller: AbortSignal | undefined,
  ) {
    this.lastSign = clock.now();
    this.stopFromCaller = () =>
      this.controller.abort(new AppError('ABORTED', 'Stopped.', { recoverable: true }));
    if (caller?.aborted) this.stopFromCaller();
    else caller?.addEventListener('abort', this.stopFromCaller, { once: true });
    void this.watch();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Why the request was aborted, if it was. */
  get reason(): AppError | undefined {
    return this.signal.reason instanceof AppError ? this.signal.reason : undefined;
  }

  /** Something came; from now on silence may last `limitMs`. */
  alive(limitMs: number): void {
    this.lastSign = this.clock.now();
    this.limitMs = limitMs;
  }

  /** Ends the watch and, if the request is still open, the request. */
  end(): void {
    this.caller?.removeEventListener('abort', this.stopFromCaller);
    this.ended.abort();
    this.controller.abort();
  }

  private async watch(): Promise<void> {
    try {
      for (;;) {
        const left = this.lastSign + this.limitMs - this.clock.now();
        if (left <= 0) break;
        // Short naps, since `alive` may shorten the limit.
        await this.clock.sleep(Math.min(left, 1000), this.ended.signal);
      }
    } catch {
      return; // ended: nothing to watch any more
    }
    const seconds = Math.round(this.limitMs / 1000);
    this.controller.abort(
      new AppError('TIMEOUT', `The endpoint sent nothing for ${seconds} s.`, {
        fix: 'The server may be loading the model or be overloaded: try again, or choose a smaller model.',
        recoverable: true,
      }),
    );
  }
}
