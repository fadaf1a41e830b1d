/** Index packs on their way here, and those that an earlier visit left half here. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { PackSummary, StagedPack } from '../protocol/linked-corpora';
import type { CorpusEntry, CorpusLinks } from './laboratory';
import { Meter, type Measured } from './meter';

export interface Transfer {
  /** Hash of the manifest. */
  hash: string;
  url: string;
  name: string;
  bytes: number;
  status: 'running' | 'paused' | 'done' | 'failed';
  doneBytes: number;
  measured: Measured | null;
  entry: CorpusEntry | null;
  error: ErrorEnvelope | null;
}

export class PackTransfers {
  list = $state.raw<Transfer[]>([]);
  readonly #links: CorpusLinks;
  readonly #changed: () => Promise<void>;
  #aborts: { hash: string; abort: AbortController }[] = [];

  constructor(links: CorpusLinks, changed: () => Promise<void>) {
    this.#links = links;
    this.#changed = changed;
  }

  /** What was left half here stands paused. */
  async refresh(): Promise<void> {
    for (const staged of await this.#links.staged()) {
      if (!this.list.some(({ hash }) => hash === staged.hash)) this.#add(staged, 'paused');
    }
  }

  async start(pack: Pick<PackSummary, 'hash' | 'url' | 'name' | 'bytes'>): Promise<void> {
    if (this.#aborts.some(({ hash }) => hash === pack.hash)) return;
    const before = this.list.find(({ hash }) => hash === pack.hash);
    if (!before) this.#add({ ...pack, doneBytes: 0 }, 'running');
    else this.#update(pack.hash, { status: 'running', error: null });
    const abort = new AbortController();
    this.#aborts.push({ hash: pack.hash, abort });
    const meter = new Meter();
    try {
      const entry = await this.#links.fetch(
        pack.url,
        (progress) => {
          // Without the chunk's name: the rate is that of the whole.
          const measured = meter.measure(
            { done: progress.done, total: progress.total, unit: 'bytes' },
            performance.now(),
          );
          this.#update(pack.hash, { measured, doneBytes: progress.done });
        },
        abort.signal,
      );
      this.#update(pack.hash, { status: 'done', entry });
    } catch (error) {
      const stopped = isAbort(error) || abort.signal.aborted;
      this.#update(
        pack.hash,
        stopped ? { status: 'paused' } : { status: 'failed', error: toEnvelope(error) },
      );
    } finally {
      this.#aborts = this.#aborts.filter(({ hash }) => hash !== pack.hash);
    }
    await this.#changed();
  }

  /** What has come is kept. */
  pause(hash: string): void {
    this.#aborts.find((entry) => entry.hash === hash)?.abort.abort();
  }

  /** What has come is removed. */
  async discard(hash: string): Promise<void> {
    this.pause(hash);
    this.dismiss(hash);
    await this.#links.discard(hash);
    await this.#changed();
  }

  dismiss(hash: string): void {
    this.list = this.list.filter((one) => one.hash !== hash);
  }

  #add({ hash, url, name, bytes, doneBytes }: StagedPack, status: Transfer['status']): void {
    const transfer = { hash, url, name, bytes, doneBytes, status, measured: null, entry: null, error: null };
    this.list = [...this.list, transfer];
  }

  #update(hash: string, change: Partial<Transfer>): void {
    this.list = this.list.map((one) => (one.hash === hash ? { ...one, ...change } : one));
  }
}
