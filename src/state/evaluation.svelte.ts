/** The evaluations of this device as the page shows them: a list, the one that is open, and what it does now. */
import type {
  EvaluationApi,
  EvaluationEstimate,
  EvaluationProgress,
  EvaluationRecord,
  ExportFormat,
  HandedFile,
  ListedResult,
  ReportTable,
  ResultFilter,
  ResultKey,
  TextFile,
} from '../evaluation/evaluation-types';
import { EMPTY_DRAFT, type EvaluationDraft } from './evaluation-draft';
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { TraceFile } from '../protocol/trace';

export interface LoadingLine {
  message: string;
  fraction: number | null;
}

// A report takes bootstraps over all questions: while a run brings results, a fresh one this often is enough.
const REPORT_EVERY_MS = 3000;

export class Evaluations {
  records = $state.raw<readonly EvaluationRecord[]>([]);
  listed = $state(false);
  openId = $state<string | null>(null);
  progress = $state.raw<EvaluationProgress | null>(null);
  loading = $state.raw<LoadingLine | null>(null);
  report = $state.raw<ReportTable | null>(null);
  results = $state.raw<readonly ListedResult[]>([]);
  error = $state.raw<ErrorEnvelope | null>(null);
  /** The form of a new one; kept while the reader sets up a model elsewhere. */
  draft = $state.raw<EvaluationDraft>(EMPTY_DRAFT);
  files = $state.raw<readonly HandedFile[]>([]);
  /** Ids of those that this tab runs now. */
  active = $state.raw<readonly string[]>([]);
  readonly #open: () => Promise<EvaluationApi>;
  readonly #keepAwake: (on: boolean) => void;
  #watching: AbortController | null = null;
  #reporting = false;
  #stale = false;

  /** `open` fetches what evaluates, at the first call; `keepAwake` keeps the machine from falling asleep while something runs. */
  constructor(open: () => Promise<EvaluationApi>, keepAwake: (on: boolean) => void = () => undefined) {
    this.#open = open;
    this.#keepAwake = keepAwake;
  }

  /** The one that this tab runs now. */
  get activeRecord(): EvaluationRecord | null {
    return this.records.find(({ id }) => this.active.includes(id)) ?? null;
  }

  get record(): EvaluationRecord | null {
    return this.records.find(({ id }) => id === this.openId) ?? null;
  }

  /** Seconds that a question of one system took in the latest runs here; null before there was one. */
  get secondsPerRun(): number | null {
    const run = this.records.find(({ runningMs, ok, failed }) => runningMs > 0 && ok + failed >= 3);
    return run ? run.runningMs / 1000 / (run.ok + run.failed) : null;
  }

  /** Newest first; opens the newest where none is open. */
  async refresh(): Promise<void> {
    await this.#guarded(async (api) => {
      const records = await api.list();
      this.records = records.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
      this.listed = true;
      const id = this.record?.id ?? this.records[0]?.id;
      if (id !== undefined) this.show(id);
    });
  }

  show(id: string | null): void {
    if (id === this.openId && this.#watching) return;
    this.#watching?.abort();
    this.#watching = null;
    this.openId = id;
    this.report = this.progress = this.loading = null;
    this.results = [];
    if (id === null) return;
    const watching = new AbortController();
    this.#watching = watching;
    void this.#watch(id, watching.signal);
  }

  /** Ends the watching when the page is left; a run goes on. */
  leave(): void {
    this.#watching?.abort();
    this.#watching = null;
  }

  /** Creates an evaluation and starts it; false where it was refused, with the reason in `error`. */
  async begin(config: unknown, files: readonly HandedFile[]): Promise<boolean> {
    this.error = null;
    const record = await this.#guarded((api) => api.create(config, files));
    if (!record) return false;
    this.records = [record, ...this.records];
    this.show(record.id);
    this.start(record.id);
    return true;
  }

  start(id: string): void {
    this.#run(id, (api) => api.start(id));
  }

  retryFailed(id: string): void {
    this.#run(id, (api) => api.retryFailed(id));
  }

  async stop(id: string): Promise<void> {
    this.error = null;
    await this.#guarded(async (api) => this.#put(await api.stop(id)));
  }

  async rename(id: string, name: string): Promise<void> {
    this.error = null;
    await this.#guarded(async (api) => this.#put(await api.rename(id, name)));
  }

  async remove(id: string): Promise<void> {
    this.error = null;
    await this.#guarded(async (api) => {
      await api.remove(id);
      this.records = this.records.filter((record) => record.id !== id);
      if (this.openId === id) this.show(this.records[0]?.id ?? null);
    });
  }

  /** Rejects with what is wrong with the configuration. */
  async estimate(
    config: unknown,
    files: readonly HandedFile[],
    signal: AbortSignal,
  ): Promise<EvaluationEstimate> {
    return (await this.#open()).estimate(config, files, signal);
  }

  async filtered(id: string, filter: ResultFilter): Promise<ListedResult[]> {
    return (await this.#open()).results(id, filter);
  }

  async trace(id: string, key: ResultKey): Promise<TraceFile | null> {
    return (await this.#open()).trace(id, key);
  }

  /** Undefined where it failed, with the reason in `error`. */
  async export(id: string, format: ExportFormat, system?: string): Promise<TextFile[] | undefined> {
    this.error = null;
    return this.#guarded((api) => api.export(id, format, system));
  }

  async import(name: string, files: readonly TextFile[]): Promise<void> {
    this.error = null;
    await this.#guarded(async (api) => {
      const record = await api.import(name, files);
      this.records = [record, ...this.records];
      this.show(record.id);
    });
  }

  #put(record: EvaluationRecord): void {
    this.records = this.records.map((one) => (one.id === record.id ? record : one));
  }

  #run(id: string, work: (api: EvaluationApi) => Promise<EvaluationRecord>): void {
    this.error = null;
    this.active = [...this.active, id];
    this.#keepAwake(true);
    void this.#guarded(async (api) => this.#put(await work(api))).finally(() => {
      this.active = this.active.toSpliced(this.active.indexOf(id), 1);
      this.#keepAwake(this.active.length > 0);
    });
  }

  async #watch(id: string, signal: AbortSignal): Promise<void> {
    await this.#guarded(async (api) => {
      this.#refreshReport(id);
      for await (const event of api.watch(id, signal)) {
        if (signal.aborted) return;
        if (event.type === 'progress') {
          this.progress = event.progress;
          this.loading = null;
        } else if (event.type === 'loading') {
          const { message, done, total } = event;
          const fraction = done !== undefined && total ? Math.min(1, done / total) : null;
          this.loading = { message, fraction };
        } else if (event.type === 'result') this.#refreshReport(id);
        else {
          this.#put(event.record);
          if (event.record.status !== 'running') {
            this.loading = null;
            this.progress = null;
            this.#refreshReport(id);
          }
        }
      }
    });
  }

  /** One at a time, and not too often; the last result is always in the last one. */
  #refreshReport(id: string): void {
    this.#stale = true;
    if (this.#reporting) return;
    this.#reporting = true;
    void this.#makeReports(id).finally(() => {
      this.#reporting = false;
      if (this.#stale && this.openId !== null) this.#refreshReport(this.openId);
    });
  }

  async #makeReports(id: string): Promise<void> {
    this.#stale = false;
    await this.#guarded(async (api) => {
      const [report, results] = await Promise.all([api.report(id), api.results(id)]);
      if (this.openId !== id) return;
      this.report = report;
      this.results = results;
    });
    const running = this.record?.status === 'running';
    if (running) await new Promise((resolve) => setTimeout(resolve, REPORT_EVERY_MS));
  }

  async #guarded<T>(work: (api: EvaluationApi) => Promise<T>): Promise<T | undefined> {
    try {
      return await work(await this.#open());
    } catch (error) {
      if (!isAbort(error)) this.error = toEnvelope(error);
      return undefined;
    }
  }
}
