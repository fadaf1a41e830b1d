/** The files that make a corpus searchable, built from passages and opened again; the browser's store and the CLI's folder hold the same. */
import { AppError, throwIfAborted } from '../protocol/errors';
import { CORPUS_FILES, type CorpusFile, type EncoderIdentity } from '../protocol/corpus';
import type { Encoder, OnProgress, Passage, RetrievalMode, Retriever } from '../protocol/retrieval';
import { decodeBm25, encodeBm25 } from './bm25/bm25-file';
import { Bm25Retriever, buildBm25 } from './bm25/bm25-retriever';
import { decodeVectors, DenseRetriever, encodeVectors, flatIndexOf } from './dense';
import { encodePassages, PassageFile } from './passage-file';

export interface BuildOptions {
  /** `null`: BM25 only. */
  encoder: Encoder | null;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** Everything in memory, ready to be stored in one go. */
export async function buildCorpusFiles(
  passages: readonly Passage[],
  { encoder, onProgress, signal }: BuildOptions,
): Promise<CorpusFile[]> {
  requireUniqueIds(passages);
  const report = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const bm25 = await buildBm25(passages, report);
  const files: CorpusFile[] = [
    { name: CORPUS_FILES.passages, bytes: encodePassages(passages) },
    { name: CORPUS_FILES.bm25, bytes: await encodeBm25(bm25) },
  ];
  if (encoder) {
    const vectors = await encoder.embedPassages(passages, onProgress, signal);
    const index = flatIndexOf(vectors, encoder.dimensions);
    files.push({ name: CORPUS_FILES.vectors, bytes: await encodeVectors(index) });
  }
  throwIfAborted(signal);
  return files;
}

function requireUniqueIds(passages: readonly Passage[]): void {
  const seen = new Set<string>();
  for (const { id } of passages) {
    if (seen.has(id)) {
      throw new AppError('BAD_INPUT', `Two passages have the id "${id}".`, {
        fix: 'Give each row its own id, and each file its own name.',
      });
    }
    seen.add(id);
  }
}

export type ReadFile = (name: string) => Promise<Uint8Array<ArrayBuffer>>;

/** A corpus opened for search. Each index is read when it is first asked for, and kept. */
export class OpenCorpus {
  readonly passages: PassageFile;
  readonly encoder: EncoderIdentity | null;
  readonly #read: ReadFile;
  readonly #retrievers = new Map<RetrievalMode, Promise<Retriever>>();

  private constructor(passages: PassageFile, encoder: EncoderIdentity | null, read: ReadFile) {
    this.passages = passages;
    this.encoder = encoder;
    this.#read = read;
  }

  static async open(read: ReadFile, encoder: EncoderIdentity | null): Promise<OpenCorpus> {
    return new OpenCorpus(new PassageFile(await read(CORPUS_FILES.passages)), encoder, read);
  }

  /** `encoder` embeds the queries of dense search; it must be the one that made the vectors. */
  retriever(mode: RetrievalMode, encoder: Pick<Encoder, 'embedQueries'> | null): Promise<Retriever> {
    const known = this.#retrievers.get(mode);
    if (known) return known;
    const opening = mode === 'bm25' ? this.#openBm25() : this.#openDense(encoder);
    this.#retrievers.set(mode, opening);
    // A failure may pass, e.g. when the network returns: do not keep it.
    opening.catch(() => this.#retrievers.delete(mode));
    return opening;
  }

  async #openBm25(): Promise<Retriever> {
    const index = await decodeBm25(await this.#read(CORPUS_FILES.bm25));
    this.#requireCount(index.count);
    return new Bm25Retriever(index, this.passages);
  }

  async #openDense(encoder: Pick<Encoder, 'embedQueries'> | null): Promise<Retriever> {
    if (!this.encoder || !encoder) {
      throw new AppError('UNSUPPORTED', 'This corpus has no vectors; it can be searched by words only.', {
        fix: 'Search with BM25, or import the documents again with an encoder.',
      });
    }
    const index = await decodeVectors(await this.#read(CORPUS_FILES.vectors));
    this.#requireCount(index.count);
    return new DenseRetriever(index, encoder, this.passages);
  }

  #requireCount(count: number): void {
    if (count === this.passages.length) return;
    throw new AppError(
      'INTEGRITY',
      `The index has ${count} rows, the corpus ${this.passages.length} passages.`,
      {
        fix: 'Build the index again.',
      },
    );
  }
}
