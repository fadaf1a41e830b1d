/** A corpus that is searched where it lies, as the service sees it: a pack read by range, or a server. */
import type { VectorSearchInfo, VectorSearchSettings } from '../protocol/corpus';
import type { Encoder, HybridSettings, OnProgress, RetrievalMode, Retriever } from '../protocol/retrieval';

export interface LinkedRetriever extends Retriever {
  /** Of dense and hybrid search, of the moment. Absent where another searches. */
  readonly vectors?: VectorSearchInfo | undefined;
  /** The same corpus searched otherwise. Absent where that is not ours to say. */
  tuned?(hybrid: Partial<HybridSettings>, vectors: Partial<VectorSearchSettings>): LinkedRetriever;
}

export interface LinkedCorpus {
  readonly passages: { readonly length: number };
  readonly modes: readonly RetrievalMode[];
  /** Held here, in bytes, for the modes that were opened. Absent where that is not known. */
  readonly memoryBytes?: number | undefined;
  /** `encoder`: loaded when it is asked for; rejects where the corpus has no vectors. */
  open(
    mode: RetrievalMode,
    encoder: () => Promise<Encoder>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<LinkedRetriever>;
  /** Gives back memory and devices. */
  dispose?(): void;
}
