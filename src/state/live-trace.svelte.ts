import { EMPTY_TRACE_VIEW, advanceTrace, foldTrace, type TraceView } from '../agent/trace-view';
import type { TraceDelta, TraceEvent } from '../protocol/trace';

// A model may write a hundred pieces a second; the page redraws at most this often.
const REDRAW_MS = 40;

/** One system's trace as it grows: the events, which are kept, and the view, which is drawn. */
export class LiveTrace {
  view = $state.raw<TraceView>(EMPTY_TRACE_VIEW);
  events: readonly TraceEvent[] = [];
  #pending: TraceView = EMPTY_TRACE_VIEW;
  #timer: ReturnType<typeof setTimeout> | undefined;

  reset(events: readonly TraceEvent[] = []): void {
    this.#cancel();
    this.events = events;
    this.#pending = foldTrace(events);
    this.view = this.#pending;
  }

  add(event: TraceEvent | TraceDelta): void {
    this.#pending = advanceTrace(this.#pending, event);
    if (event.type !== 'delta') this.events = [...this.events, event];
    this.#timer ??= setTimeout(() => this.flush(), REDRAW_MS);
  }

  flush(): void {
    this.#cancel();
    this.view = this.#pending;
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
