import type { EvaluationEvent } from '../evaluation-types';

/** Hands events to everybody who watches. Of progress only the newest waits for a slow watcher; everything else waits in order. */
export class EventHub {
  readonly #watchers = new Set<Watcher>();
  #progress: EvaluationEvent | undefined;

  emit(event: EvaluationEvent): void {
    if (event.type === 'progress') this.#progress = event;
    for (const watcher of this.#watchers) watcher.take(event);
  }

  /**
   * Begins with `first` and the last progress; misses nothing that is emitted while `first` is found out. Ends with the signal, or when
   * the watcher stops reading.
   */
  async *watch(first: () => Promise<EvaluationEvent>, signal?: AbortSignal): AsyncGenerator<EvaluationEvent> {
    const watcher = new Watcher();
    this.#watchers.add(watcher);
    const end = (): void => watcher.end();
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    try {
      yield await first();
      if (this.#progress) yield this.#progress;
      yield* watcher.events();
    } finally {
      this.#watchers.delete(watcher);
      signal?.removeEventListener('abort', end);
    }
  }
}

class Watcher {
  #waiting: EvaluationEvent[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  take(event: EvaluationEvent): void {
    if (event.type === 'progress' || event.type === 'loading') {
      this.#waiting = this.#waiting.filter((one) => one.type !== event.type);
    }
    this.#waiting.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<EvaluationEvent> {
    for (;;) {
      const next = this.#waiting.shift();
      if (this.#isEnded()) return;
      if (next) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  // A method, since the field changes while `events` waits.
  #isEnded(): boolean {
    return this.#ended;
  }
}
