/** One query put to one corpus in every way it can be searched, side by side. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import { RETRIEVAL_MODES, type Hit, type RetrievalMode } from '../protocol/retrieval';
import type { CorpusEntry, CorpusLibrary } from './laboratory';

export interface ModeResult {
  mode: RetrievalMode;
  status: 'running' | 'done' | 'failed';
  hits: readonly Hit[];
  milliseconds: number;
  error: ErrorEnvelope | null;
}

export const SHOWN = 10;

/** The ways a corpus can be searched. A `/retrieve` server has one, which it does not name. */
export function modesOf({ encoder, link }: Pick<CorpusEntry, 'encoder' | 'link'>): readonly RetrievalMode[] {
  if (link?.kind === 'retrieve') return ['dense'];
  return encoder === null ? ['bm25'] : RETRIEVAL_MODES;
}

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
  /** Of the corpus; null: the search is closed. */
  corpus = $state.raw<string | null>(null);
  /** As it was last searched for. */
  query = $state('');
  results = $state.raw<ModeResult[]>([]);
  #library: CorpusLibrary;
  #abort: AbortController | null = null;

  constructor(library: CorpusLibrary) {
    this.#library = library;
  }

  choose(id: string | null): void {
    this.#abort?.abort();
    this.corpus = id;
    this.results = [];
    this.query = '';
  }

  async run(entry: CorpusEntry, query: string): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.query = query;
    const fresh = { status: 'running' as const, hits: [], milliseconds: 0, error: null };
    this.results = modesOf(entry).map((mode) => ({ mode, ...fresh }));
    // One after the other: they share one encoder, and the times are those of each alone.
    for (const { mode } of this.results) {
      const started = performance.now();
      try {
        const hits = await this.#library.search(entry.id, mode, query, SHOWN, abort.signal);
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
