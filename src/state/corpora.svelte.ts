import type { UnfinishedImport } from '../protocol/corpus';
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { Progress } from '../protocol/retrieval';
import { CorpusSearch } from './corpus-search.svelte';
import type {
  CorpusEntry,
  CorpusLinks,
  ImportReport,
  ImportRequest,
  Laboratory,
  OfferedPack,
  StorageReport,
} from './laboratory';
import { Meter, type Measured } from './meter';
import { PackTransfers } from './pack-transfers.svelte';

export interface ImportJob {
  id: number;
  name: string;
  status: 'running' | 'done' | 'cancelled' | 'failed';
  measured: Measured | null;
  report: ImportReport | null;
  error: ErrorEnvelope | null;
  /** Null: an import goes on that an earlier visit left, whose files have been read. */
  request: ImportRequest | null;
}

/** The corpora of this device and the imports under way. */
export class Corpora {
  list = $state.raw<CorpusEntry[]>([]);
  jobs = $state.raw<ImportJob[]>([]);
  /** Imports that were cut short, and can go on. */
  unfinished = $state.raw<UnfinishedImport[]>([]);
  storage = $state.raw<StorageReport | null>(null);
  error = $state.raw<ErrorEnvelope | null>(null);
  loaded = $state(false);
  persistRefused = $state(false);
  readonly packs: PackTransfers;
  readonly search: CorpusSearch;
  #laboratory: Laboratory;
  #aborts: { id: number; abort: AbortController }[] = [];
  #resumed: string[] = [];
  #next = 1;

  constructor(laboratory: Laboratory) {
    this.#laboratory = laboratory;
    this.packs = new PackTransfers(laboratory.corpora.links, () => this.refresh());
    this.search = new CorpusSearch(laboratory.corpora);
  }

  get links(): CorpusLinks {
    return this.#laboratory.corpora.links;
  }

  get offered(): Promise<OfferedPack[]> {
    return this.#laboratory.corpora.offered();
  }

  nameOf(id: string): string {
    return this.list.find((corpus) => corpus.id === id)?.name ?? id;
  }

  async refresh(): Promise<void> {
    try {
      this.list = await this.#laboratory.corpora.list();
      await this.refreshStorage();
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = toEnvelope(error);
    }
  }

  /** What is used and what may be; of the models, too. */
  async refreshStorage(): Promise<void> {
    this.storage = await this.#laboratory.storage();
  }

  /** What closed tabs have left; an import that goes on in another tab is not among it. */
  async refreshUnfinished(): Promise<void> {
    const left = await this.#laboratory.corpora.unfinished();
    this.unfinished = left.filter(({ id }) => !this.#resumed.includes(id));
  }

  async resume({ id, name }: UnfinishedImport): Promise<void> {
    this.unfinished = this.unfinished.filter((one) => one.id !== id);
    this.#resumed.push(id);
    await this.#run(name, null, (onProgress, signal) =>
      this.#laboratory.corpora.resume(id, onProgress, signal),
    );
    this.#resumed = this.#resumed.filter((one) => one !== id);
    await this.refreshUnfinished();
  }

  async discard(id: string): Promise<void> {
    this.unfinished = this.unfinished.filter((one) => one.id !== id);
    await this.#guarded(() => this.#laboratory.corpora.discard(id));
  }

  import(request: ImportRequest): Promise<void> {
    return this.#run(request.name, request, (onProgress, signal) =>
      this.#laboratory.corpora.import(request, onProgress, signal),
    );
  }

  async #run(
    name: string,
    request: ImportRequest | null,
    work: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<ImportReport>,
  ): Promise<void> {
    const id = this.#next++;
    const abort = new AbortController();
    const meter = new Meter();
    this.#aborts.push({ id, abort });
    const job: ImportJob = {
      id,
      name,
      status: 'running',
      measured: null,
      report: null,
      error: null,
      request,
    };
    this.jobs = [...this.jobs, job];
    try {
      const report = await work(
        (progress) => this.#update(id, { measured: meter.measure(progress, performance.now()) }),
        abort.signal,
      );
      this.#update(id, { status: 'done', report });
    } catch (error) {
      if (isAbort(error) || abort.signal.aborted) this.#update(id, { status: 'cancelled' });
      else this.#update(id, { status: 'failed', error: toEnvelope(error) });
    } finally {
      this.#aborts = this.#aborts.filter((entry) => entry.id !== id);
    }
    await this.refresh();
  }

  cancel(id: number): void {
    this.#aborts.find((entry) => entry.id === id)?.abort.abort();
  }

  dismiss(id: number): void {
    this.jobs = this.jobs.filter((job) => job.id !== id);
  }

  async retry(id: number): Promise<void> {
    const job = this.jobs.find((candidate) => candidate.id === id);
    if (!job) return;
    this.dismiss(id);
    if (job.request) await this.import(job.request);
    else await this.refreshUnfinished();
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#guarded(() => this.#laboratory.corpora.rename(id, name));
  }

  async remove(id: string): Promise<void> {
    await this.#guarded(() => this.#laboratory.corpora.remove(id));
  }

  async persist(): Promise<void> {
    this.persistRefused = !(await this.#laboratory.persist());
    await this.refresh();
  }

  async #guarded(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      await this.refresh();
    } catch (error) {
      this.error = toEnvelope(error);
    }
  }

  #update(id: number, change: Partial<ImportJob>): void {
    this.jobs = this.jobs.map((job) => (job.id === id ? { ...job, ...change } : job));
  }
}
