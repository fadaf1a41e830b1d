import { AppError, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { SystemId, TraceEvent } from '../protocol/trace';
import type { DemoQuestion, Endpoints, Laboratory, LoadEvent, Part } from './laboratory';
import { LiveTrace } from './live-trace.svelte';
import { Meter, type Measured } from './meter';
import type { RunSettings } from './settings';
import type { RecordedRun } from './trace-files';

export type AskStatus = 'idle' | 'loading' | 'running' | 'done' | 'stopped' | 'failed';

export interface LoadRow extends Omit<LoadEvent, 'progress'> {
  measured: Measured | null;
}

const PART_ORDER: Part[] = ['corpus', 'encoder', 'searcher', 'generator'];

/** One question put to s3 and to plain RAG, from getting ready to the last answer. */
export class AskRun {
  status = $state<AskStatus>('idle');
  loads = $state.raw<LoadRow[]>([]);
  error = $state.raw<ErrorEnvelope | null>(null);
  /** When an imported trace was recorded; null for one of our own. */
  importedFrom = $state<string | null>(null);
  /** The system whose trace stands in s3's place: another one's only after an import. */
  shown = $state<Exclude<SystemId, 'naive-rag'>>('s3');
  readonly s3 = new LiveTrace();
  readonly naive = new LiveTrace();

  question = $state('');
  settings = $state.raw<RunSettings | null>(null);
  startedAt = '';
  #laboratory: Laboratory;
  #now: () => string;
  #abort: AbortController | null = null;
  // Read by nobody but this class: no need to be reactive.
  #meters: Partial<Record<Part, Meter>> = {};

  /** `now` says the date and time, ISO 8601. */
  constructor(laboratory: Laboratory, now: () => string) {
    this.#laboratory = laboratory;
    this.#now = now;
  }

  get busy(): boolean {
    return this.status === 'loading' || this.status === 'running';
  }

  /** What an export writes: s3's trace, or plain RAG's where that alone was imported. */
  get recorded(): RecordedRun {
    return this.recordedOf(this.s3.events.length > 0 ? 's3' : 'naive-rag');
  }

  recordedOf(system: 's3' | 'naive-rag'): RecordedRun {
    const { events } = system === 's3' ? this.s3 : this.naive;
    const name = system === 's3' ? this.shown : system;
    return { system: name, events, settings: this.settings, startedAt: this.importedFrom ?? this.startedAt };
  }

  /** Never rejects: what goes wrong is in `error` and in the trace. */
  async start(
    question: string,
    settings: RunSettings,
    endpoints: Endpoints,
    known?: DemoQuestion,
  ): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.question = question;
    this.settings = { ...settings };
    this.startedAt = this.#now();
    this.error = null;
    this.importedFrom = null;
    this.shown = 's3';
    this.loads = [];
    this.#meters = {};
    this.s3.reset();
    this.naive.reset();
    this.status = 'loading';
    try {
      await this.#laboratory.prepare(
        settings,
        endpoints,
        (event) => this.#onLoad(abort, event),
        abort.signal,
      );
      abort.signal.throwIfAborted();
      this.status = 'running';
      for (const [system, live] of [
        ['s3', this.s3],
        ['naive-rag', this.naive],
      ] as const) {
        await this.#runSystem(system, live, { question, settings, endpoints, known }, abort.signal);
      }
      if (this.#abort === abort) this.status = 'done';
    } catch (error) {
      this.#fail(abort, toEnvelope(error));
    } finally {
      if (this.#abort === abort) {
        this.#abort = null;
        this.s3.flush();
        this.naive.flush();
      }
    }
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** Shows a recorded trace in place of a run. */
  show(system: SystemId, events: readonly TraceEvent[], recordedAt: string): void {
    this.stop();
    this.#abort = null;
    this.error = null;
    this.loads = [];
    this.importedFrom = recordedAt;
    this.shown = system === 'naive-rag' ? 's3' : system;
    this.s3.reset(system === 'naive-rag' ? [] : events);
    this.naive.reset(system === 'naive-rag' ? events : []);
    const asked = events.find((event) => event.type === 'question');
    this.question = asked?.question ?? '';
    this.settings = null;
    this.status = 'done';
  }

  async #runSystem(
    system: SystemId,
    live: LiveTrace,
    asked: { question: string; settings: RunSettings; endpoints: Endpoints; known: DemoQuestion | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { question, settings, endpoints, known } = asked;
    const request = {
      system,
      question,
      settings,
      ...(known && { goldAnswers: known.answers, goldIds: known.goldIds }),
    };
    for await (const event of this.#laboratory.run(request, endpoints, signal)) {
      // A stopped run may still say a word or two; the page shows the next one by then.
      if (this.#abort?.signal !== signal) return;
      live.add(event);
      if (event.type === 'failed') throw AppError.from(event.error);
    }
  }

  #onLoad(abort: AbortController, event: LoadEvent): void {
    if (this.#abort !== abort) return;
    const meter = (this.#meters[event.part] ??= new Meter());
    const { progress, ...rest } = event;
    const row: LoadRow = { ...rest, measured: progress ? meter.measure(progress, performance.now()) : null };
    const others = this.loads.filter((load) => load.part !== event.part);
    this.loads = [...others, row].sort((a, b) => PART_ORDER.indexOf(a.part) - PART_ORDER.indexOf(b.part));
  }

  #fail(abort: AbortController, error: ErrorEnvelope): void {
    if (this.#abort !== abort) return;
    const stopped = error.code === 'ABORTED' || abort.signal.aborted;
    this.status = stopped ? 'stopped' : 'failed';
    this.error = stopped ? null : error;
  }
}
