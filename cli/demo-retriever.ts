import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../src/protocol/errors';
import type { RetrievalMode } from '../src/protocol/retrieval';
import { Bm25Retriever } from '../src/retrieval/bm25/bm25-retriever';
import { openDemoCorpus, type ByteCache } from '../src/retrieval/demo-corpus';
import { DenseRetriever, openDenseIndex } from '../src/retrieval/dense';
import { DEMO_ENCODER } from '../src/retrieval/encoder/catalog';
import type { RowRetriever } from '../src/retrieval/hits';
import { HybridRetriever } from '../src/retrieval/hybrid/hybrid-retriever';
import type { Console } from './command';
import { openEncoder } from './encoders';
import { cacheFolder, demoFolder } from './folders';
import { progressNotes } from './progress';

/** Files of a folder, written whole or not at all. */
const folderCache = (folder: string): ByteCache => ({
  read: async (name) =>
    readFile(join(folder, name)).then(
      (bytes) => new Uint8Array(bytes),
      () => null, // Not there yet.
    ),
  async write(name, bytes) {
    await mkdir(folder, { recursive: true });
    const half = join(folder, `${name}.${process.pid}`);
    await writeFile(half, bytes);
    await rename(half, join(folder, name));
  },
});

async function corpusFile(folder: string): Promise<Blob> {
  const path = join(folder, 'corpus.jsonl');
  try {
    return new Blob([new Uint8Array(await readFile(path))]);
  } catch (cause) {
    throw new AppError('NOT_FOUND', 'The demo corpus is not there.', {
      fix: 'Run from a complete copy of the project, or give another --corpus.',
      cause,
      context: { path },
    });
  }
}

/**
 * The demo's corpus as the page opens it: with the vectors that come with it where they are sound and the encoder's own, else with
 * vectors computed once and kept.
 */
export async function openDemoRetriever(
  mode: RetrievalMode,
  console: Console,
  folder = demoFolder,
): Promise<RowRetriever> {
  const request = { id: DEMO_ENCODER };
  const corpus = await openDemoCorpus({
    fetchCorpus: () => corpusFile(folder),
    encoder: request,
    fetchVectors: () => folderCache(folder).read('vectors.bin'),
    cache: folderCache(join(cacheFolder(), 'vectors')),
  });
  const words = async (): Promise<RowRetriever> =>
    new Bm25Retriever(await corpus.bm25(undefined, console.signal), corpus.passages);
  if (mode === 'bm25') return words();
  const encoder = await openEncoder(request, console);
  const vectors = await corpus.vectors(encoder, progressNotes(console), console.signal);
  const index = await openDenseIndex(vectors, undefined, console.signal);
  const dense = new DenseRetriever(index, encoder, corpus.passages);
  return mode === 'dense' ? dense : new HybridRetriever(dense, await words(), corpus.passages);
}
