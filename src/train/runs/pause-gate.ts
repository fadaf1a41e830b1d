import { AppError } from '../../protocol/errors';

/** Where work waits while a run is paused. */
export class PauseGate {
  #closed = false;
  readonly #waiting = new Set<() => void>();
  #held: (() => void)[] = [];

  /** @param onHold Called when the first work waits here after the gate was closed */
  constructor(private readonly onHold: () => void) {}

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Resolves when something waits here: the run stands still, but for what is on its way to this point. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.size > 0) return Promise.resolve();
    return new Promise((resolve) => this.#held.push(resolve));
  }

  open(): void {
    this.#closed = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
    this.release();
  }

  /** Whoever waits for the run to stand still is let go: it has ended. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const resolve of held) resolve();
  }

  /** Resolves at once while the gate is open. @throws AppError ABORTED */
  async pass(signal: AbortSignal): Promise<void> {
    while (this.#closed && !signal.aborted) {
      const isFirst = this.#waiting.size === 0;
      const opened = new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      if (isFirst) this.onHold();
      this.release();
      await opened;
    }
    if (signal.aborted) {
      this.#waiting.clear();
      throw new AppError('ABORTED', 'Stopped.', { recoverable: true });
    }
  }
}
