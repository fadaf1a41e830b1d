/**
 * Brings a pack here whole: chunk by chunk, each checked, to the end of the file that it belongs to, where the files of the corpus will lie.
 * So the pack takes its own length on the disk, and no more. What has come outlives the tab. Of the bytes, as many chunks are in memory as
 * are fetched side by side.
 */
import { DEFAULT_WORDS, type CorpusRecord } from '../../protocol/corpus';
import { requestOf } from '../../protocol/encoder';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { StagedPack } from '../../protocol/linked-corpora';
import type { OnProgress } from '../../protocol/retrieval';
import type { FileSink, ImportPlan, StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import { sha256Hex } from '../sha256';
import { PASSAGE_BLOCKS_FILE, VECTOR_BLOCKS_FILE } from './block-hashes';
import type { HttpPack } from './http-pack';
import { chunksOf, requireSearchable, type PackChunk, type PackFile } from './pack-manifest';

export interface FetchPackOptions {
  store: Pick<StagingStore, 'stage' | 'estimate'>;
  /** ISO 8601. */
  now: () => string;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** Chunks that are fetched side by side. */
const PARALLEL = 3;

/** Of use over HTTP alone. */
const TABLES: ReadonlySet<string> = new Set([PASSAGE_BLOCKS_FILE, VECTOR_BLOCKS_FILE]);

/** What a corpus on this device consists of. */
const wanted = ({ manifest }: Pick<HttpPack, 'manifest'>): PackFile[] =>
  manifest.files.filter(({ name }) => !TABLES.has(name));

export const wantedBytes = (pack: Pick<HttpPack, 'manifest'>): number =>
  wanted(pack).reduce((sum, { bytes }) => sum + bytes, 0);

/** A chunk that has not come. */
interface Missing extends PackChunk {
  file: string;
}

/**
 * What had come before an error, an abort or a crash is checked and not fetched again.
 * @throws AppError as `HttpPack.chunk`, STORAGE_FULL (what had come is removed), ABORTED
 */
export async function fetchPack(pack: HttpPack, options: FetchPackOptions): Promise<CorpusRecord> {
  const { store, now, onProgress, signal } = options;
  throwIfAborted(signal);
  requireSearchable(pack.manifest);
  const total = wantedBytes(pack);
  let done = 0;
  const report = ({ path, bytes }: PackChunk): void => {
    done += bytes;
    onProgress?.({ done, total, unit: 'bytes', label: path });
  };
  const onWait = (): void => onProgress?.({ done, total, unit: 'bytes', label: 'waiting for another tab' });
  return store.stage(
    async (corpus) => {
      const missing: Missing[] = [];
      for (const file of wanted(pack)) {
        const left = chunksOf(file).slice(await keptChunks(corpus, file, report, signal));
        missing.push(...left.map((chunk) => ({ ...chunk, file: file.name })));
      }
      await requireRoom(total - done, store);
      if (!corpus.plan) await corpus.keep(planOf(pack, now()));
      await bring(pack, corpus, missing, report, signal);
      // The hashes that the record will have: read back, so that a disk that lost something is found out now.
      for (const { name, sha256 } of wanted(pack)) {
        if ((await corpus.hashOf(name, signal)) !== sha256) throw notWhatItSays(name);
      }
      const { name, passages, encoder, index, chunking } = pack.manifest;
      const source = { name: pack.url, kind: 'jsonl' as const, bytes: total, passages };
      return corpus.commit(
        {
          ...{ name, passages, encoder, ...(index && { index }), sources: [source] },
          ...(chunking && { chunking }),
        },
        wanted(pack).map((file) => file.name),
      );
    },
    { pack: pack.hash, signal, onWait },
  );
}

const notWhatItSays = (name: string): AppError =>
  new AppError('INTEGRITY', `${name} is not what the manifest says: its hash differs.`, {
    fix: 'Fetch the index again: what is sound of it is kept. If that does not help, ask whoever serves it to build it again.',
    recoverable: true,
  });

async function requireRoom(bytes: number, store: FetchPackOptions['store']): Promise<void> {
  const { usedBytes, quotaBytes } = await store.estimate();
  if (quotaBytes === 0 || quotaBytes - usedBytes >= bytes) return;
  throw new AppError('STORAGE_FULL', 'The browser gives no more room for this.', {
    fix: 'Delete a model or a corpus that you no longer need, or leave the index where it is and search it there.',
    recoverable: true,
    context: { neededBytes: bytes },
  });
}

function planOf({ url, hash, manifest }: HttpPack, startedAt: string): ImportPlan {
  const { name, passages, encoder, index } = manifest;
  const bytes = wantedBytes({ manifest });
  return {
    ...{ format: 's3-web/import', version: 1, startedAt, name, passages, hash, pack: { url, hash, bytes } },
    ...{ sources: [], refusals: [], encoder: encoder && requestOf(encoder), words: DEFAULT_WORDS },
    ...(index && { index }),
  };
}

/** How many chunks of a file are here, from its start on. They may have lain on the disk for weeks, or been cut off while they were written. */
async function keptChunks(
  corpus: StagedCorpus,
  file: PackFile,
  report: (chunk: PackChunk) => void,
  signal: AbortSignal | undefined,
): Promise<number> {
  const there = await corpus.open(file.name);
  let count = 0;
  for (const chunk of chunksOf(file)) {
    throwIfAborted(signal);
    const end = chunk.offset + chunk.bytes;
    if (!there || there.bytes < end) break;
    const bytes = await corpus.readRange(file.name, chunk.offset, chunk.bytes, signal);
    if ((await sha256Hex(bytes)) !== chunk.sha256) break;
    report(chunk);
    count++;
  }
  return count;
}

/** Fetched side by side, written in order: whenever it ends, each file is whole up to somewhere. */
async function bring(
  pack: HttpPack,
  corpus: StagedCorpus,
  missing: readonly Missing[],
  report: (chunk: PackChunk) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  // The first failure ends the others: nobody waits for them.
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const next = missing.values();
  const coming: { chunk: Missing; bytes: Promise<Uint8Array<ArrayBuffer>> }[] = [];
  const fetchAhead = (): void => {
    while (coming.length < PARALLEL) {
      const { value: chunk } = next.next();
      if (!chunk) return;
      const bytes = pack.chunk(chunk, either);
      // Whoever waits for it hears of its failure; until then nobody does.
      bytes.catch(() => undefined);
      coming.push({ chunk, bytes });
    }
  };
  let open: { file: string; sink: FileSink } | undefined;
  try {
    fetchAhead();
    for (let first = coming.shift(); first; first = coming.shift()) {
      const { chunk } = first;
      const bytes = await first.bytes;
      throwIfAborted(signal);
      if (open?.file !== chunk.file) {
        const before = open;
        open = undefined;
        await before?.sink.close();
        open = { file: chunk.file, sink: await corpus.sink(chunk.file, chunk.offset) };
      }
      await open.sink.write(bytes);
      report(chunk);
      fetchAhead();
    }
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  } finally {
    stop.abort();
    await Promise.allSettled(coming.map(({ bytes }) => bytes));
    await open?.sink.close();
  }
}

/** What interrupted fetches have left, to be gone on with or discarded. */
export async function stagedPacks(store: Pick<StagingStore, 'unfinished'>): Promise<StagedPack[]> {
  return (await store.unfinished()).flatMap(({ plan: { name, pack }, bytes = 0 }) =>
    pack ? [{ ...pack, name, doneBytes: bytes }] : [],
  );
}

/** Waits for whoever fetches it at this moment: that one has it to the end. */
export async function discardPack(hash: string, store: Pick<StagingStore, 'stage'>): Promise<void> {
  await store.stage(
    async (corpus) => {
      for (const name of await corpus.list()) await corpus.remove(name);
    },
    { pack: hash },
  );
}
