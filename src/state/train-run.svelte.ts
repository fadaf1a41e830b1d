/** One run as it is looked at: its steps as they come, the step that is looked at, and that step's rollouts. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { StepRecord, TrainingProgress } from '../train/records';
import type { ListedRun, RunEvent, StepSummary, TrainingApi } from '../train/worker-api';

/** A tiny model may take many steps a second, and tells of every rollout; the page redraws at most this often. */
const REDRAW_MS = 120;
/** How long a step must be looked at before its rollouts are fetched, so that scrubbing fetches few. */
const SETTLE_MS = 90;
/** A tab that goes away tells nobody: a run that another one has is asked after this often. */
const ASK_MS = { soon: 400, later: 3000 } as const;
/** A replay shows the whole run in about this time, and no step faster or slower than these. */
const REPLAY = { wholeMs: 20_000, fastestMs: 60, slowestMs: 900 } as const;

export interface Notice {
  message: string;
  at: number;
}

export class RunView {
  readonly id: string;
  steps = $state.raw<readonly StepSummary[]>([]);
  progress = $state.raw<TrainingProgress | null>(null);
  loading = $state.raw<{ label: string; done: number; total: number } | null>(null);
  notices = $state.raw<readonly Notice[]>([]);
  /** The step that is looked at; null follows the newest. */
  at = $state<number | null>(null);
  record = $state.raw<StepRecord | null>(null);
  playing = $state(false);
  /** Steps have been read once. */
  read = $state(false);
  error = $state.raw<ErrorEnvelope | null>(null);
  #api: TrainingApi;
  #onrun: (run: ListedRun) => void;
  #now: () => number;
  #abort = new AbortController();
  #pending: RunEvent[] = [];
  #redraw: ReturnType<typeof setTimeout> | undefined;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #play: ReturnType<typeof setTimeout> | undefined;
  #recheck: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(api: TrainingApi, id: string, onrun: (run: ListedRun) => void, now: () => number) {
    this.#api = api;
    this.id = id;
    this.#onrun = onrun;
    this.#now = now;
  }

  get last(): number {
    return this.steps.at(-1)?.step ?? 0;
  }

  /** The step whose numbers and rollouts are shown; 0 while there is none. */
  get shown(): number {
    return this.at ?? this.last;
  }

  get summary(): StepSummary | undefined {
    return this.at === null ? this.steps.at(-1) : this.steps.findLast(({ step }) => step <= this.shown);
  }

  /** Reads what is there and listens from then on. Never rejects: what goes wrong is in `error`. */
  async open(): Promise<void> {
    const { signal } = this.#abort;
    void this.#api
      .watch(this.id, (event) => this.#heard(event), signal)
      .catch((error: unknown) => this.#fail(error));
    try {
      const steps = await this.#api.steps(this.id);
      if (signal.aborted) return;
      // What was told while the list was read may be newer than it.
      const told = this.steps;
      const first = told[0]?.step ?? Infinity;
      this.steps = [...steps.filter(({ step }) => step < first), ...told];
      this.read = true;
      this.#look();
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#abort.abort();
    for (const timer of [this.#redraw, this.#settle, this.#play, this.#recheck]) clearTimeout(timer);
    this.playing = false;
  }

  /** Looks at a step; the last of all, or null, follows the newest from then on. */
  look(step: number | null): void {
    this.pauseReplay();
    this.#lookAt(step);
  }

  #lookAt(step: number | null): void {
    const first = this.steps[0]?.step ?? 1;
    this.at = step === null || step >= this.last ? null : Math.max(first, step);
    this.#look();
  }

  /** Shows the run step by step, from the step that is looked at, or from the first where that is the last. */
  replay(): void {
    if (this.steps.length < 2) return;
    if (this.at === null) this.#lookAt(this.steps[0]?.step ?? 1);
    this.playing = true;
    const pace = REPLAY.wholeMs / this.steps.length;
    const pause = Math.min(REPLAY.slowestMs, Math.max(REPLAY.fastestMs, pace));
    const next = (): void => {
      const following = this.steps.find(({ step }) => step > this.shown);
      this.#lookAt(following?.step ?? null);
      if (this.at === null) this.playing = false;
      else this.#play = setTimeout(next, pause);
    };
    this.#play = setTimeout(next, pause);
  }

  pauseReplay(): void {
    clearTimeout(this.#play);
    this.playing = false;
  }

  dismiss(notice: Notice): void {
    this.notices = this.notices.filter((other) => other !== notice);
  }

  #heard(event: RunEvent): void {
    if (this.#abort.signal.aborted) return;
    this.#pending.push(event);
    this.#redraw ??= setTimeout(() => this.flush(), REDRAW_MS);
  }

  /** Shows what was told since the last time. */
  flush(): void {
    clearTimeout(this.#redraw);
    this.#redraw = undefined;
    const events = this.#pending;
    this.#pending = [];
    const steps: StepRecord[] = [];
    for (const event of events) {
      if (event.type === 'status') {
        this.#onrun(event.run);
        this.#askAgain(event.run, ASK_MS.soon);
        if (event.run.status !== 'running') this.progress = this.loading = null;
      } else if (event.type === 'progress') [this.progress, this.loading] = [event.progress, null];
      else if (event.type === 'loading') this.loading = event;
      else if (event.type === 'step') steps.push(event.step);
      else this.notices = [...this.notices, { message: event.message, at: this.#now() }].slice(-4);
    }
    if (steps.length > 0) this.#add(steps);
  }

  #askAgain(run: ListedRun, inMs: number): void {
    clearTimeout(this.#recheck);
    if (run.owner !== 'elsewhere') return;
    this.#recheck = setTimeout(() => {
      this.#api.getRun(this.id).then(
        (now) => {
          if (this.#abort.signal.aborted) return;
          this.#onrun(now);
          this.#askAgain(now, ASK_MS.later);
        },
        (error: unknown) => this.#fail(error),
      );
    }, inMs);
  }

  #add(records: readonly StepRecord[]): void {
    let known = [...this.steps];
    for (const { rollouts: _, ...summary } of records) {
      const { step } = summary;
      // A run that goes on from a checkpoint makes later steps anew.
      if ((known.at(-1)?.step ?? 0) >= step) known = known.filter((other) => other.step < step);
      known.push(summary);
    }
    this.steps = known;
    const newest = records.at(-1);
    if (this.at === null && newest) this.record = newest;
  }

  #look(): void {
    clearTimeout(this.#settle);
    const step = this.shown;
    if (step === 0 || this.record?.step === step) return;
    this.#settle = setTimeout(() => void this.#fetch(step), SETTLE_MS);
  }

  async #fetch(step: number): Promise<void> {
    const asked = ++this.#asked;
    try {
      const record = await this.#api.step(this.id, step);
      if (asked === this.#asked && this.shown === step) this.record = record;
    } catch (error) {
      // A step whose rollouts are not kept has its numbers all the same.
      if (asked === this.#asked && toEnvelope(error).code === 'NOT_FOUND') this.record = null;
      else this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#abort.signal.aborted && !isAbort(error)) this.error = toEnvelope(error);
  }
}
