/** What every engine offers: it is searched by mode, and filled row by row. */
import type { HybridSettings, Hit, Passage, RetrievalMode } from '../../protocol/retrieval';
import { DEFAULT_HYBRID } from '../../protocol/retrieval';
import { fuseRankings } from '../hybrid/reciprocal-rank';
import type { RemoteManifest } from './remote-manifest';

export interface RemoteQuery {
  text: string;
  /** Of dense and hybrid search. */
  vector?: Float32Array | undefined;
}

/** One passage with what it is found by. */
export interface RemoteRow {
  row: number;
  passage: Passage;
  vector?: Float32Array | undefined;
  /** Term numbers, ascending, and their BM25 weights in this passage. */
  sparse: { indices: number[]; values: number[] };
}

export interface RemoteEngine {
  /** @throws AppError NOT_FOUND, UNSUPPORTED where the collection is not ours */
  manifest(signal?: AbortSignal): Promise<RemoteManifest>;
  search(
    mode: RetrievalMode,
    queries: readonly RemoteQuery[],
    topK: number,
    manifest: RemoteManifest,
    signal?: AbortSignal,
  ): Promise<Hit[][]>;
  /** Makes an empty collection. */
  create(manifest: RemoteManifest, signal?: AbortSignal): Promise<void>;
  /** Writes rows, those that are there already included, and returns when they outlive the server. */
  write(rows: readonly RemoteRow[], signal?: AbortSignal): Promise<void>;
  /** Writes down how far the push has come. */
  note(manifest: RemoteManifest, signal?: AbortSignal): Promise<void>;
  remove(signal?: AbortSignal): Promise<void>;
}

/** Engines break ties as they like; so many results beyond the last let us break them by row. */
export const TIE_MARGIN = 16;
export const HYBRID: Readonly<HybridSettings> = DEFAULT_HYBRID;

export interface FoundRow {
  row: number;
  score: number;
  passage: Passage;
}

/** Score descending, then row ascending, as everywhere. */
export function rankRows(found: readonly FoundRow[], topK: number): Hit[] {
  const sorted = [...found].sort((a, b) => b.score - a.score || a.row - b.row);
  return sorted.slice(0, topK).map(({ passage, score }, i) => ({ passage, score, rank: i + 1 }));
}

/** On our side, for engines whose own fusion is another one, or not free. */
export function fuseRows(dense: readonly FoundRow[], bm25: readonly FoundRow[], topK: number): Hit[] {
  const passages = new Map([...dense, ...bm25].map(({ row, passage }) => [row, passage]));
  const ranked = (list: readonly FoundRow[]): number[] =>
    [...list].sort((a, b) => b.score - a.score || a.row - b.row).map(({ row }) => row);
  const fused = fuseRankings(
    [
      { keys: ranked(dense), weight: HYBRID.dense },
      { keys: ranked(bm25), weight: HYBRID.bm25 },
    ],
    HYBRID.k,
    (a, b) => a - b,
  );
  const found = fused.flatMap(({ key: row, score }) => {
    const passage = passages.get(row);
    return passage ? [{ row, score, passage }] : [];
  });
  return rankRows(found, topK);
}
