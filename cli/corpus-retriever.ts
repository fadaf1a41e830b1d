import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '../src/protocol/errors';
import type { RetrievalMode } from '../src/protocol/retrieval';
import type { LinkedRetriever } from '../src/retrieval/linked-corpus';
import type { Console } from './command';
import { readCorpus, type CorpusReading } from './corpus-reader';
import { openDemoRetriever } from './demo-retriever';
import { cacheFolder } from './folders';
import { IndexFolder, writeIndex } from './index-folder';
import { isLinkedReference, linkedRetriever } from './linked-corpus';
import { progressNotes } from './progress';

export interface ChosenRetriever {
  retriever: LinkedRetriever;
  mode: RetrievalMode;
  /** For people. */
  name: string;
}

/**
 * The retriever over a corpus: `demo`, the folder of an index or its address, a retrieval server, or a file of passages. Files are indexed once and kept in
 * the cache folder by the hash of their content. `reading` is of files alone.
 * @throws AppError NOT_FOUND, BAD_INPUT, UNSUPPORTED
 */
export async function chooseRetriever(
  corpus: string,
  mode: RetrievalMode | 'auto',
  console: Console,
  reading: CorpusReading = {},
): Promise<ChosenRetriever> {
  if (corpus === 'demo') {
    refuseReading(corpus, reading);
    const chosen = mode === 'auto' ? 'dense' : mode;
    return { retriever: await openDemoRetriever(chosen, console), mode: chosen, name: 'demo' };
  }
  if (isLinkedReference(corpus)) {
    refuseReading(corpus, reading);
    return linkedRetriever(corpus, mode, console);
  }
  const info = await stat(corpus).catch(() => undefined);
  if (info === undefined) {
    throw new AppError('NOT_FOUND', `There is no corpus ${corpus}.`, {
      fix: 'Give `demo`, a JSONL file, a folder made by `s3 index build` or its address, or a server such as qdrant://host/collection.',
    });
  }
  const isIndex =
    info.isDirectory() && (await stat(join(corpus, 'corpus.json')).catch(() => undefined)) !== undefined;
  if (isIndex) refuseReading(corpus, reading);
  const index = isIndex ? await IndexFolder.open(corpus) : await cachedIndex(corpus, console, reading);
  const chosen = mode === 'auto' ? (index.record.encoder === null ? 'bm25' : 'dense') : mode;
  const retriever = await index.retriever(chosen, console);
  return { retriever, mode: chosen, name: index.record.name };
}

/** What was built before has no ids that come again: they were refused or numbered then. */
function refuseReading(corpus: string, { numberRepeats = false }: CorpusReading): void {
  if (!numberRepeats) return;
  throw new AppError('BAD_INPUT', `--number-repeats is of files, and ${corpus} is an index already.`, {
    fix: 'Leave it out; ids were looked at when the index was built.',
  });
}

/** By words alone. */
async function cachedIndex(path: string, console: Console, reading: CorpusReading): Promise<IndexFolder> {
  const passages = await readCorpus(path, console, reading);
  const hash = createHash('sha256');
  for (const passage of passages) hash.update(`${JSON.stringify(passage)}\n`);
  const folder = join(cacheFolder(), 'indexes', hash.digest('hex').slice(0, 24));
  try {
    return await IndexFolder.open(folder);
  } catch (error) {
    // Not there yet, or its build was interrupted or its files damaged: made anew.
    if (!(error instanceof AppError)) throw error;
  }
  const options = { onProgress: progressNotes(console), signal: console.signal };
  await writeIndex(folder, { name: basename(path), passages, encoder: null }, options);
  return IndexFolder.open(folder);
}
