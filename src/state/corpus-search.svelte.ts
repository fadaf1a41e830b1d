/** One query put to a corpus, or to several as one, in every way they can be searched, side by side. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { Hit, RetrievalMode } from '../protocol/retrieval';
import type { CorpusEntry, CorpusLibrary } from './laboratory';
import { commonModes, joinIds } from './several-corpora';

export interface ModeResult {
  mode: RetrievalMode;
  status: 'running' | 'done' | 'failed';
  hits: readonly Hit[];
  milliseconds: number;
  error: ErrorEnvelope | null;
}

export const SHOWN = 10;

/** Ranks of a passage in the other lists; null where it is not among those shown. */
export function ranksElsewhere(
  results: readonly ModeResult[],
  mode: RetrievalMode,
  passageId: string,
): { mode: RetrievalMode; rank: number | null }[] {
  return results
    .filter((one) => one.mode !== mode && one.status === 'done')
    .map((one) => ({
      mode: one.mode,
      rank: one.hits.find(({ passage }) => passage.id === passageId)?.rank ?? null,
    }));
}

export class CorpusSearch {
  /** Id of the corpus, or of several with `+` between them; null: the search is closed. */
  corpus = $state.raw<string | null>(null);
  /** How often it was opened. */
  opened = $state(0);
  /** As it was last searched for. */
  query = $state('');
  results = $state.raw<ModeResult[]>([]);
  #library: CorpusLibrary;
  #abort: AbortController | null = null;

  constructor(library: CorpusLibrary) {
    this.#library = library;
  }

  /** Opens the search anew, or closes it. */
  choose(id: string | null): void {
    this.opened++;
    this.change(id);
  }

  /** The same search over something else. */
  change(id: string | null): void {
    this.#abort?.abort();
    this.corpus = id;
    this.results = [];
    this.query = '';
  }

  async run(entries: readonly CorpusEntry[], query: string): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.query = query;
    const fresh = { status: 'running' as const, hits: [], milliseconds: 0, error: null };
    const id = joinIds(entries.map((entry) => entry.id));
    this.results = commonModes(entries).map((mode) => ({ mode, ...fresh }));
    // One after the other: they share one encoder, and the times are those of each alone.
    for (const { mode } of this.results) {
      const started = performance.now();
      try {
        const hits = await this.#library.search(id, mode, query, SHOWN, abort.signal);
        if (this.#abort !== abort) return;
        this.#update(mode, { status: 'done', hits, milliseconds: performance.now() - started });
      } catch (error) {
        if (this.#abort !== abort || isAbort(error)) return;
        this.#update(mode, { status: 'failed', error: toEnvelope(error) });
      }
    }
  }

  #update(mode: RetrievalMode, change: Partial<ModeResult>): void {
    this.results = this.results.map((one) => (one.mode === mode ? { ...one, ...change } : one));
  }
}
