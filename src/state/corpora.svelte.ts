import type { CorpusMap, UnfinishedImport, VectorIndexKind } from '../protocol/corpus';
import { toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { Progress } from '../protocol/retrieval';
import { CorpusSearch } from './corpus-search.svelte';
import { ImportJobs, type ImportJob } from './import-jobs.svelte';
import type {
  CorpusEntry,
  CorpusLinks,
  ImportRequest,
  Laboratory,
  OfferedPack,
  StorageReport,
  UpdateRequest,
} from './laboratory';
import { PackTransfers } from './pack-transfers.svelte';
import { entriesOf, namesOf } from './several-corpora';

/** The corpora of this device and the imports under way. */
export class Corpora {
  list = $state.raw<CorpusEntry[]>([]);
  /** Imports that were paused or cut short, and can go on. */
  unfinished = $state.raw<UnfinishedImport[]>([]);
  storage = $state.raw<StorageReport | null>(null);
  error = $state.raw<ErrorEnvelope | null>(null);
  loaded = $state(false);
  persistRefused = $state(false);
  readonly jobs: ImportJobs;
  readonly packs: PackTransfers;
  readonly search: CorpusSearch;
  #laboratory: Laboratory;
  #resumed: string[] = [];

  constructor(laboratory: Laboratory) {
    this.#laboratory = laboratory;
    this.jobs = new ImportJobs(async () => {
      await this.refresh();
      await this.refreshUnfinished().catch(() => undefined); // As at first: a browser that keeps no files has left none.
    });
    this.packs = new PackTransfers(laboratory.corpora.links, () => this.refresh());
    this.search = new CorpusSearch(laboratory.corpora);
  }

  get links(): CorpusLinks {
    return this.#laboratory.corpora.links;
  }

  get offered(): Promise<OfferedPack[]> {
    return this.#laboratory.corpora.offered();
  }

  /** Of one, or of several with `+` between their ids. */
  nameOf(choice: string): string {
    return namesOf(choice, this.list);
  }

  entriesOf(choice: string): CorpusEntry[] {
    return entriesOf(choice, this.list);
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

  /** What a failed one has left, with which it goes on when it is tried again. */
  leftOf({ status, isLeft }: Pick<ImportJob, 'status' | 'isLeft'>): UnfinishedImport | undefined {
    return status === 'failed' ? this.unfinished.findLast(isLeft) : undefined;
  }

  /** Without what stands with the error that it was left by. */
  get unfinishedAlone(): UnfinishedImport[] {
    const told = this.jobs.list.map((job) => this.leftOf(job));
    return this.unfinished.filter((left) => !told.includes(left));
  }

  async resume({ id, name, task, replaces }: UnfinishedImport): Promise<void> {
    this.unfinished = this.unfinished.filter((one) => one.id !== id);
    this.#resumed.push(id);
    const isLeft = (left: UnfinishedImport): boolean => left.id === id;
    await this.jobs.start({
      ...{ name, task: task ?? (replaces === undefined ? 'import' : 'update'), resumed: true, isLeft },
      run: async (onProgress, signal, pause) => {
        try {
          return await this.#laboratory.corpora.resume(id, onProgress, signal, pause);
        } finally {
          this.#resumed = this.#resumed.filter((one) => one !== id);
        }
      },
      retry: () => this.#goOn(isLeft, () => this.refreshUnfinished()),
    });
  }

  async discard(id: string): Promise<void> {
    this.unfinished = this.unfinished.filter((one) => one.id !== id);
    await this.#guarded(() => this.#laboratory.corpora.discard(id));
  }

  import(request: ImportRequest): Promise<void> {
    const isLeft = ({ name, replaces }: UnfinishedImport): boolean =>
      name === request.name && replaces === undefined;
    return this.jobs.start({
      ...{ name: request.name, task: 'import', files: request.files.length, isLeft },
      run: (...watching) => this.#laboratory.corpora.import(request, ...watching),
      retry: () => this.#goOn(isLeft, () => this.import(request)),
    });
  }

  /** What the files hold in the place of what there was, or with it. */
  bringUpToDate(entry: CorpusEntry, request: UpdateRequest): Promise<void> {
    const { id, name } = entry;
    const isLeft = ({ replaces, task }: UnfinishedImport): boolean => replaces === id && task === undefined;
    return this.jobs.start({
      ...{ name, task: 'update', files: request.files.length, isLeft },
      run: (...watching) => this.#laboratory.corpora.update(id, request, ...watching),
      retry: () => this.#goOn(isLeft, () => this.bringUpToDate(entry, request)),
    });
  }

  /** With what a failed one has left, where it left something: its files are not read again. */
  #goOn(isLeft: ImportJob['isLeft'], again: () => Promise<void>): Promise<void> {
    const left = this.unfinished.findLast(isLeft);
    return left ? this.resume(left) : again();
  }

  /** Another index over the same vectors. */
  changeIndex(entry: CorpusEntry, kind: VectorIndexKind): Promise<void> {
    const { id, name } = entry;
    const isLeft = ({ replaces, task }: UnfinishedImport): boolean => replaces === id && task === 'index';
    return this.jobs.start({
      ...{ name, task: 'index', isLeft },
      run: async (...watching) => ({
        entry: await this.#laboratory.corpora.buildIndex(id, kind, ...watching),
        refusals: [],
      }),
      retry: () => this.#goOn(isLeft, () => this.changeIndex(entry, kind)),
    });
  }

  /** The corpus as one file, which is handed to `save`. */
  export(entry: CorpusEntry, save: (archive: Blob) => void): Promise<void> {
    const { id, name, bytes } = entry;
    return this.jobs.start({
      ...{ name, task: 'export' },
      run: async (onProgress, signal) => {
        const onBytes = ({ done }: Progress): void =>
          onProgress({ done, total: Math.max(bytes, done), unit: 'bytes', local: true });
        save(await this.#laboratory.corpora.links.export(id, onBytes, signal));
        return { entry, refusals: [] };
      },
    });
  }

  map(id: string, signal: AbortSignal): Promise<CorpusMap> {
    return this.#laboratory.corpora.map(id, () => undefined, signal);
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
}
