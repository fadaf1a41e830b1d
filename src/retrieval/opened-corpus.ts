/** What the retrieval service holds of a corpus that is open. */
import type { CorpusInfo, CorpusRecord, EncoderInfo } from '../protocol/corpus';
import type { EncoderRequest, EncoderServiceApi } from '../protocol/encoder';
import type { Encoder, RetrievalMode } from '../protocol/retrieval';
import { Bm25Retriever } from './bm25/bm25-retriever';
import type { SearchableCorpus, VectorIndex } from './corpus-files';
import type { RowRetriever } from './hits';
import type { LinkedCorpus, LinkedRetriever } from './linked-corpus';

export interface Opened {
  retriever: LinkedRetriever;
  /** The same where its results are wanted as rows, for hybrid search. */
  rows?: RowRetriever;
  index?: VectorIndex;
  /** Of dense search. */
  info: EncoderInfo | null;
}

export interface Entry {
  name: string;
  corpus: SearchableCorpus | LinkedCorpus;
  /** `null`: no vectors. */
  request: EncoderRequest | null;
  opened: Map<RetrievalMode, Promise<Opened>>;
  /** Of a stored one: the folder of the files that it was opened from. */
  folder?: string;
}

/** One encoder of the service as an `Encoder`. */
export const boundEncoder = (
  encoders: EncoderServiceApi,
  request: EncoderRequest,
  dimensions: number,
): Encoder => ({
  dimensions,
  embedQueries: (texts, signal) => encoders.embedQueries(request, texts, signal),
  embedPassages: (passages, onProgress, signal) =>
    encoders.embedPassages(request, passages, onProgress, signal),
});

/** Of the passages and of what was opened; unknown where another holds them. */
export async function memoryOf({ corpus, opened }: Entry): Promise<Pick<CorpusInfo, 'memoryBytes'>> {
  if ('open' in corpus) return corpus.memoryBytes === undefined ? {} : { memoryBytes: corpus.memoryBytes };
  let memoryBytes = corpus.passages.memoryBytes;
  for (const mode of ['dense', 'bm25'] as const) {
    const { index, rows } = (await opened.get(mode)?.catch(() => undefined)) ?? {};
    memoryBytes += index?.memoryBytes ?? 0;
    if (rows instanceof Bm25Retriever) memoryBytes += rows.index.memoryBytes;
  }
  return { memoryBytes };
}

export const folderOf = ({ id, folder = id }: CorpusRecord): string => folder;

export const modesOf = ({ corpus, request }: Entry): RetrievalMode[] => {
  if ('modes' in corpus) return [...corpus.modes];
  return request ? ['dense', 'bm25', 'hybrid'] : ['bm25'];
};
