/** One unit of retrieval: about 100 words with a title. */
export interface Passage {
  id: string;
  title: string;
  text: string;
  metadata?: Record<string, unknown>;
}

export interface Hit {
  passage: Passage;
  /** Cosine for dense retrieval, BM25 for lexical, Σ weight / (k + rank) for hybrid; comparable only within one result list. */
  score: number;
  /** 1-based. */
  rank: number;
}

/** Searches one corpus. Result lists are in query order; ties go to the passage that comes first in the corpus. */
export interface Retriever {
  /** What it searches by, for traces; absent where that is not known, as of a remote service. */
  readonly mode?: RetrievalMode;
  /** What answers, for traces and exports: `hnsw by WASM, f16, ef 128`. Absent where there is nothing to say. */
  readonly how?: string | undefined;
  search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]>;
}

/** By meaning, by words, or by both with their ranks fused. */
export type RetrievalMode = 'dense' | 'bm25' | 'hybrid';
export const RETRIEVAL_MODES: readonly RetrievalMode[] = ['dense', 'bm25', 'hybrid'];

/** Of reciprocal rank fusion: a passage scores Σ weight / (k + rank) over the rankings that hold it. */
export interface HybridSettings {
  /** How little the first ranks stand out. */
  k: number;
  /** How many of each ranking are looked at. */
  depth: number;
  /** Weights of the two rankings. */
  dense: number;
  bm25: number;
}
export const DEFAULT_HYBRID: Readonly<HybridSettings> = { k: 60, depth: 100, dense: 1, bm25: 1 };

export interface Progress {
  done: number;
  total: number;
  unit: 'bytes' | 'passages' | 'tokens' | 'files';
  /** What is being worked on, for people. */
  label?: string;
  /** Of bytes: they are read on this device. Absent where they come from elsewhere. */
  local?: true;
}
export type OnProgress = (progress: Progress) => void;

/** E5 conventions: `query: ` and `passage: ` prefixes, masked mean, L2 norm. Vectors are unit length. */
export interface Encoder {
  readonly dimensions: number;
  embedQueries(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  embedPassages(
    passages: readonly Passage[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Float32Array[]>;
}
