import { AppError, toEnvelope, type ErrorCode, type ErrorEnvelope } from '../protocol/errors';
import type { SystemId, TraceEvent } from '../protocol/trace';
import type { DemoQuestion, Endpoints, Laboratory, LoadEvent, Part } from './laboratory';
import { laneIds, rolesOf, settingsFor, type Lane } from './lanes';
import { LiveTrace } from './live-trace.svelte';
import { Meter, type Measured } from './meter';
import type { RunSettings } from './settings';
import type { RecordedRun } from './trace-files';

export type AskStatus = 'idle' | 'loading' | 'running' | 'done' | 'stopped' | 'failed';

export interface LoadRow extends Omit<LoadEvent, 'progress'> {
  measured: Measured | null;
}

const PART_ORDER: Part[] = ['corpus', 'encoder', 'searcher', 'generator'];

/** What concerns one system and one question; the next system may fare better. Anything else stops all that have a model in common. */
const OF_ONE_SYSTEM: readonly ErrorCode[] = [
  'CONTEXT_TOO_LONG',
  'BAD_INPUT',
  'BAD_RESPONSE',
  'TIMEOUT',
  'UNSUPPORTED',
];

/** One system's part in a question: what it is, its trace, and what went wrong with it alone. */
export class LaneRun {
  /** Each once among those of a question. */
  readonly id: string;
  readonly lane: Lane;
  /** With the lane's own models; null for a trace that came from a file. */
  readonly settings: RunSettings | null;
  readonly startedAt: string;
  readonly live = new LiveTrace();
  error = $state.raw<ErrorEnvelope | null>(null);

  constructor(id: string, lane: Lane, settings: RunSettings | null, startedAt: string) {
    this.id = id;
    this.lane = lane;
    this.settings = settings && settingsFor(lane, settings);
    this.startedAt = startedAt;
  }

  get view(): LiveTrace['view'] {
    return this.live.view;
  }

  get #models(): string[] {
    const { lane, settings } = this;
    return settings ? rolesOf(lane).map((role) => settings[role]) : [];
  }

  /** Whether the other has a model of this one, or this one's endpoint. */
  sharesModel(other: LaneRun): boolean {
    return other.#models.some((model) => this.#models.includes(model));
  }

  /** What an export writes. */
  get recorded(): RecordedRun {
    const { settings, startedAt, live, lane } = this;
    return { system: lane.system, events: live.events, settings, startedAt };
  }
}

/** A trace of a file. */
export interface ShownTrace {
  system: SystemId;
  events: readonly TraceEvent[];
  startedAt: string;
}

/** One question put to one system or several, one after the other, from getting ready to the last answer. */
export class AskRun {
  status = $state<AskStatus>('idle');
  loads = $state.raw<LoadRow[]>([]);
  /** What ended the whole run. */
  error = $state.raw<ErrorEnvelope | null>(null);
  /** When an imported trace was recorded; null for one of our own. */
  importedFrom = $state<string | null>(null);
  lanes = $state.raw<readonly LaneRun[]>([]);

  question = $state('');
  #laboratory: Laboratory;
  #now: () => string;
  #abort: AbortController | null = null;
  // Read by nobody but this class: no need to be reactive.
  #meters: Record<string, Meter> = {};

  /** `now` says the date and time, ISO 8601. */
  constructor(laboratory: Laboratory, now: () => string) {
    this.#laboratory = laboratory;
    this.#now = now;
  }

  get busy(): boolean {
    return this.status === 'loading' || this.status === 'running';
  }

  /** Never rejects: what goes wrong is in `error`, in the lanes and in their traces. */
  async start(
    question: string,
    settings: RunSettings,
    lanes: readonly Lane[],
    endpoints: Endpoints,
    known?: DemoQuestion,
  ): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.#begin(question, null, []);
    const ids = laneIds(lanes);
    const runs = lanes.map((lane, at) => new LaneRun(ids[at] ?? '', lane, settings, this.#now()));
    this.lanes = runs;
    this.status = 'loading';
    try {
      const needed = runs.map(({ lane }) => ({
        system: lane.system,
        settings: settingsFor(lane, settings),
      }));
      const onLoad = (event: LoadEvent): void => this.#onLoad(abort, event);
      await this.#laboratory.prepare(needed, endpoints, onLoad, abort.signal);
      abort.signal.throwIfAborted();
      this.status = 'running';
      for (const [at, run] of runs.entries()) {
        const later = runs.slice(at + 1);
        await this.#runLane(run, later, question, endpoints, known, abort.signal);
      }
      if (this.#abort === abort) this.status = 'done';
    } catch (error) {
      this.#fail(abort, toEnvelope(error));
    } finally {
      if (this.#abort === abort) {
        this.#abort = null;
        this.#laboratory.release();
        for (const { live } of runs) live.flush();
      }
    }
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** Shows recorded traces, side by side, in place of a run. */
  show(traces: readonly ShownTrace[]): void {
    this.stop();
    this.#abort = null;
    this.#laboratory.release();
    const ids = laneIds(traces);
    const asked = traces.flatMap(({ events }) => events.find((event) => event.type === 'question') ?? []);
    this.#begin(asked[0]?.question ?? '', traces[0]?.startedAt ?? '', []);
    this.lanes = traces.map(({ system, events, startedAt }, at) => {
      const run = new LaneRun(ids[at] ?? '', { system }, null, startedAt);
      run.live.reset(events);
      return run;
    });
    this.status = 'done';
  }

  #begin(question: string, importedFrom: string | null, loads: LoadRow[]): void {
    this.question = question;
    this.error = null;
    this.importedFrom = importedFrom;
    this.loads = loads;
    this.#meters = {};
  }

  async #runLane(
    run: LaneRun,
    later: readonly LaneRun[],
    question: string,
    endpoints: Endpoints,
    known: DemoQuestion | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { lane, live, settings } = run;
    if (!settings) return;
    const request = {
      ...{ system: lane.system, question, settings },
      ...(known && { goldAnswers: known.answers, goldIds: known.goldIds }),
    };
    for await (const event of this.#laboratory.run(request, endpoints, signal)) {
      // A stopped run may still say a word or two; the page shows the next one by then.
      if (this.#abort?.signal !== signal) return;
      live.add(event);
      if (event.type !== 'failed') continue;
      const { code } = event.error;
      const others = code !== 'ABORTED' && later.some((other) => !run.sharesModel(other));
      if (this.lanes.length === 1 || !(others || OF_ONE_SYSTEM.includes(code))) {
        throw AppError.from(event.error);
      }
      run.error = event.error;
    }
  }

  #onLoad(abort: AbortController, event: LoadEvent): void {
    if (this.#abort !== abort) return;
    const meter = (this.#meters[event.part] ??= new Meter());
    const { progress, ...rest } = event;
    const row: LoadRow = { ...rest, measured: progress ? meter.measure(progress, performance.now()) : null };
    // A second searcher has a row of its own, as soon as the first is ready.
    const others = this.loads.filter(
      (load) => load.part !== event.part || (load.phase === 'ready' && load.name !== event.name),
    );
    this.loads = [...others, row].sort((a, b) => PART_ORDER.indexOf(a.part) - PART_ORDER.indexOf(b.part));
  }

  #fail(abort: AbortController, error: ErrorEnvelope): void {
    if (this.#abort !== abort) return;
    const stopped = error.code === 'ABORTED' || abort.signal.aborted;
    this.status = stopped ? 'stopped' : 'failed';
    this.error = stopped ? null : error;
  }
}
