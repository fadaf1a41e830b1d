/**
 * Brings a pack here whole: chunk by chunk into a staging area, which outlives the tab, then from there, chunk by chunk again, into one new
 * corpus of the store. Of the bytes, as many chunks are in memory as are fetched side by side.
 */
import type { CorpusRecord } from '../../protocol/corpus';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { StagedPack } from '../../protocol/linked-corpora';
import type { OnProgress } from '../../protocol/retrieval';
import type { StagedCorpus, StagingStore } from '../../protocol/staged-corpus';
import { sha256Hex } from '../sha256';
import { VECTOR_BLOCKS_FILE } from './block-hashes';
import type { HttpPack } from './http-pack';
import { chunksOf, requireSearchable, type PackChunk, type PackFile } from './pack-manifest';

/** Where chunks wait until all are there: a folder for each pack, named by the hash of its manifest. */
export interface PackStaging {
  /** Null where there is none. */
  read(pack: string, path: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Once resolved, it outlives the tab. @throws AppError STORAGE_FULL */
  write(pack: string, path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<void>;
  /** Lengths of what is there, by path. */
  list(pack: string): Promise<Map<string, number>>;
  packs(): Promise<string[]>;
  remove(pack: string): Promise<void>;
  /** Runs the work while no other tab fetches the same pack. */
  hold<T>(pack: string, work: () => Promise<T>): Promise<T>;
}

export interface FetchPackOptions {
  staging: PackStaging;
  store: Pick<StagingStore, 'stage' | 'estimate'>;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** Chunks that are fetched side by side. */
const PARALLEL = 3;
/** Written first, so that what is half here can be gone on with after a restart. */
const NOTE = 'staged.json';

/** Of use over HTTP alone. */
const TABLES: ReadonlySet<string> = new Set([VECTOR_BLOCKS_FILE]);

/** What a corpus on this device consists of. */
const wanted = (pack: HttpPack): PackFile[] => pack.manifest.files.filter(({ name }) => !TABLES.has(name));

export const wantedBytes = (pack: HttpPack): number =>
  wanted(pack).reduce((sum, { bytes }) => sum + bytes, 0);

/**
 * What had come before an error, an abort or a crash is checked and not fetched again.
 * @throws AppError as `HttpPack.chunk`, STORAGE_FULL (what had come is removed), ABORTED
 */
export async function fetchPack(pack: HttpPack, options: FetchPackOptions): Promise<CorpusRecord> {
  const { staging, store, onProgress, signal } = options;
  throwIfAborted(signal);
  requireSearchable(pack.manifest);
  return staging.hold(pack.hash, async () => {
    try {
      await requireRoom(pack, options);
      await stage(pack, options);
      const record = await store.stage((corpus) => assemble(pack, corpus, options), {
        signal,
        onWait: () => onProgress?.({ ...whole(pack), label: 'waiting for another import' }),
      });
      await staging.remove(pack.hash);
      return record;
    } catch (error) {
      if (error instanceof AppError && error.code === 'STORAGE_FULL') await staging.remove(pack.hash);
      throw error;
    }
  });
}

/** Twice the bytes are there for a moment: as chunks, and as files. */
async function requireRoom(pack: HttpPack, { staging, store }: FetchPackOptions): Promise<void> {
  const bytes = wantedBytes(pack);
  let staged = 0;
  for (const length of (await staging.list(pack.hash)).values()) staged += length;
  const { usedBytes, quotaBytes } = await store.estimate();
  const needed = 2 * bytes - staged;
  if (quotaBytes === 0 || quotaBytes - usedBytes >= needed) return;
  throw new AppError('STORAGE_FULL', 'The browser gives no more room for this.', {
    fix: 'Delete a model or a corpus that you no longer need, or leave the index where it is and search it there.',
    recoverable: true,
    context: { neededBytes: needed },
  });
}

async function stage(pack: HttpPack, { staging, onProgress, signal }: FetchPackOptions): Promise<void> {
  const total = wantedBytes(pack);
  const { url, hash, manifest } = pack;
  const note = new TextEncoder().encode(JSON.stringify({ url, hash, name: manifest.name, bytes: total }));
  await staging.write(hash, NOTE, note, signal);
  const there = await staging.list(hash);
  const chunks = wanted(pack).flatMap(chunksOf);
  let done = 0;
  const report = ({ path, bytes }: PackChunk): void => {
    done += bytes;
    onProgress?.({ done, total, unit: 'bytes', label: path });
  };
  const missing: PackChunk[] = [];
  for (const chunk of chunks) {
    throwIfAborted(signal);
    const kept = there.get(chunk.path) === chunk.bytes ? await staging.read(hash, chunk.path) : null;
    if (kept && (await sha256Hex(kept)) === chunk.sha256) report(chunk);
    else missing.push(chunk);
  }
  // The first failure ends the others: nobody waits for them.
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const next = missing.values();
  const lane = async (): Promise<void> => {
    for (const chunk of next) {
      await staging.write(hash, chunk.path, await pack.chunk(chunk, either), either);
      report(chunk);
    }
  };
  const lanes = Array.from({ length: PARALLEL }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(lanes);
    throwIfAborted(signal);
    throw error;
  }
}

const whole = (pack: HttpPack) => {
  const bytes = wantedBytes(pack);
  return { done: bytes, total: bytes, unit: 'bytes' } as const;
};

async function assemble(
  pack: HttpPack,
  corpus: StagedCorpus,
  { staging, onProgress, signal }: FetchPackOptions,
): Promise<CorpusRecord> {
  const files = wanted(pack);
  for (const file of files) {
    onProgress?.({ ...whole(pack), label: file.name });
    const sink = await corpus.sink(file.name);
    try {
      for (const chunk of chunksOf(file)) {
        throwIfAborted(signal);
        await sink.write(await stagedChunk(pack.hash, chunk, staging));
      }
    } finally {
      await sink.close();
    }
  }
  throwIfAborted(signal);
  const { name, passages, encoder, index } = pack.manifest;
  const source = { name: pack.url, kind: 'jsonl' as const, bytes: wantedBytes(pack), passages };
  return corpus.commit(
    { name, passages, encoder, ...(index && { index }), sources: [source] },
    files.map((file) => file.name),
  );
}

/** Checked once more: what was staged may have lain on the disk for weeks. */
async function stagedChunk(
  pack: string,
  { path, sha256 }: PackChunk,
  staging: PackStaging,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await staging.read(pack, path);
  if (bytes && (await sha256Hex(bytes)) === sha256) return bytes;
  throw new AppError('INTEGRITY', `${path} is gone from the storage of this browser, or altered.`, {
    fix: 'Fetch the index again: what is still there is kept.',
    recoverable: true,
  });
}

/** What interrupted fetches have left, to be gone on with or discarded. */
export async function stagedPacks(staging: PackStaging): Promise<StagedPack[]> {
  const found: StagedPack[] = [];
  for (const hash of await staging.packs()) {
    const note = parseNote(await staging.read(hash, NOTE));
    if (!note) {
      // Without the note nobody knows what it was.
      await staging.remove(hash);
      continue;
    }
    let doneBytes = 0;
    for (const [path, bytes] of await staging.list(hash)) if (path !== NOTE) doneBytes += bytes;
    found.push({ ...note, hash, doneBytes });
  }
  return found;
}

function parseNote(bytes: Uint8Array | null): Omit<StagedPack, 'hash' | 'doneBytes'> | null {
  if (!bytes) return null;
  try {
    const {
      url,
      name,
      bytes: total,
    } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (typeof url !== 'string' || typeof name !== 'string' || typeof total !== 'number') return null;
    return { url, name, bytes: total };
  } catch {
    return null; // Torn by a crash while it was written.
  }
}
