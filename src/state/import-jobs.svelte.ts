/** Imports, updates and indexes under way, and how the last ones ended. */
import type { UnfinishedImport } from '../protocol/corpus';
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { Progress } from '../protocol/retrieval';
import type { ImportReport } from './laboratory';
import { Meter, type Measured } from './meter';

export interface ImportJob {
  id: number;
  name: string;
  task: 'import' | 'update' | 'index' | 'export';
  /** Whether it goes on with what an earlier one left. */
  resumed: boolean;
  /** Handed in; 0 where it needs none. */
  files: number;
  status: 'running' | 'done' | 'cancelled' | 'failed';
  /** Asked to pause, and not yet there: files are read to their end. */
  pausing: boolean;
  measured: Measured | null;
  report: ImportReport | null;
  error: ErrorEnvelope | null;
  /** Whether an unfinished import is what this one left. */
  isLeft: (unfinished: UnfinishedImport) => boolean;
}

export interface Work {
  name: string;
  task: ImportJob['task'];
  resumed?: boolean;
  files?: number;
  run: (
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
    pause: AbortSignal,
  ) => Promise<ImportReport>;
  /** Absent: it leaves nothing. */
  isLeft?: ImportJob['isLeft'];
  /** In place of the same again. */
  retry?: () => Promise<void>;
}

interface Running {
  id: number;
  stop: AbortController;
  pause: AbortController;
  work: Work;
}

export class ImportJobs {
  list = $state.raw<ImportJob[]>([]);
  /** Name of the one that was paused last; empty where none was. */
  paused = $state('');
  /** Those that ended stay until they are dismissed, to be tried again. */
  #works: Running[] = [];
  readonly #changed: () => Promise<void>;
  #next = 1;

  /** `changed` is told when one has ended, or was paused. */
  constructor(changed: () => Promise<void>) {
    this.#changed = changed;
  }

  async start(work: Work): Promise<void> {
    const id = this.#next++;
    const running = { id, stop: new AbortController(), pause: new AbortController(), work };
    this.#works.push(running);
    const meter = new Meter();
    const { name, task, resumed = false, files = 0, isLeft = () => false } = work;
    const fresh = { status: 'running', pausing: false, measured: null, report: null, error: null } as const;
    this.list = [...this.list, { id, name, task, resumed, files, isLeft, ...fresh }];
    try {
      const report = await work.run(
        (progress) => this.#update(id, { measured: meter.measure(progress, performance.now()) }),
        running.stop.signal,
        running.pause.signal,
      );
      this.#update(id, { status: 'done', report });
    } catch (error) {
      const stopped = isAbort(error) || running.stop.signal.aborted;
      if (!stopped) this.#update(id, { status: 'failed', error: toEnvelope(error) });
      else if (running.pause.signal.aborted && !running.stop.signal.aborted) {
        this.paused = name;
        // The unfinished first: it takes the place of the one that goes.
        await this.#changed();
        this.dismiss(id);
        return;
      } else this.#update(id, { status: 'cancelled' });
    }
    await this.#changed();
  }

  /** What was done is kept: it stands among the unfinished then. */
  pause(id: number): void {
    this.#workOf(id)?.pause.abort();
    this.#update(id, { pausing: true });
  }

  cancel(id: number): void {
    this.#workOf(id)?.stop.abort();
  }

  dismiss(id: number): void {
    this.list = this.list.filter((job) => job.id !== id);
    this.#works = this.#works.filter((running) => running.id !== id);
  }

  async retry(id: number): Promise<void> {
    const work = this.#workOf(id)?.work;
    if (!work) return;
    this.dismiss(id);
    await (work.retry ? work.retry() : this.start(work));
  }

  #workOf(id: number): Running | undefined {
    return this.#works.find((running) => running.id === id);
  }

  #update(id: number, change: Partial<ImportJob>): void {
    this.list = this.list.map((job) => (job.id === id ? { ...job, ...change } : job));
  }
}
