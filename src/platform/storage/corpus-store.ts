import { AppError, throwIfAborted } from '../../protocol/errors';
import type { CorpusFile, CorpusRecord, NewCorpus, StoredFile } from '../../protocol/corpus';
import type { StagingStore } from '../../protocol/staged-corpus';
import { putCorpus } from './database';
import { createStaging, readPlan } from './corpus-staging';
import type { CorpusStoreParts } from './corpus-store-parts';
import { describeWriteError, isNotFound, nameOf } from './file-store';
import { openFiles, piecesOf } from './file-ranges';
import { Sha256Stream } from './sha256-stream';

export type { CorpusStoreParts, StorageQuota } from './corpus-store-parts';

const FOLDER = 'corpora';
/** Where an earlier version kept packs on their way here. */
const FORMER_PACKS = 'packs';
/** Beyond the bytes themselves: the browser's own records, and a margin. */
const HEADROOM = 1.2;

const lockOf = (id: string): string => `s3:corpus:${id}`;
const folderOf = (id: string): string => `${FOLDER}/${id}`;

const notFound = (id: string): AppError =>
  new AppError('NOT_FOUND', 'There is no such corpus on this device.', {
    fix: 'Choose another one; it was deleted, or the browser removed it.',
    context: { id },
  });

const damaged = (record: CorpusRecord, file: string): AppError =>
  new AppError('INTEGRITY', `The corpus "${record.name}" is damaged: ${file} is missing or altered.`, {
    fix: 'Delete it and import the documents again. The browser may have removed files to make room.',
    context: { id: record.id, file },
  });

/** Files of a corpus lie in a folder under its id; the record is written last and deleted first, so what has a record is whole. */
export function createCorpusStore(parts: CorpusStoreParts): StagingStore {
  const { database, files, locks, quota } = parts;
  const opened = openFiles(files);

  async function get(id: string): Promise<CorpusRecord> {
    const record = await (await database()).get('corpora', id);
    if (!record) throw notFound(id);
    return record;
  }

  /** Lookups under way: a search reads hundreds of parts side by side, and a record takes longer to find than a few rows to read. */
  const looking = new Map<string, Promise<CorpusRecord>>();

  /** The same for all who ask at one time. */
  function lookUp(id: string): Promise<CorpusRecord> {
    const known = looking.get(id);
    if (known) return known;
    const found = get(id).finally(() => looking.delete(id));
    looking.set(id, found);
    return found;
  }

  /** What an import leaves when it is cut short after its record was written. */
  async function removeRest(folder: string, record: CorpusRecord): Promise<void> {
    const names = await files.list(folderOf(folder));
    if (names.every((name) => Object.hasOwn(record.files, name))) return;
    await locks.tryHold(lockOf(folder), async () => {
      for (const name of names) {
        if (!Object.hasOwn(record.files, name)) await files.remove(`${folderOf(folder)}/${name}`);
      }
    });
  }

  async function requireRoom(bytes: number): Promise<void> {
    const { usedBytes, quotaBytes } = await quota.estimate();
    if (quotaBytes === 0 || quotaBytes - usedBytes >= bytes * HEADROOM) return;
    const full = new DOMException('The estimate leaves no room.', 'QuotaExceededError');
    throw describeWriteError(full, bytes);
  }

  async function store(
    id: string,
    corpus: NewCorpus,
    given: readonly CorpusFile[],
    signal: AbortSignal | undefined,
  ): Promise<CorpusRecord> {
    const record: CorpusRecord = { id, createdAt: parts.now(), bytes: 0, files: {}, ...corpus };
    try {
      for (const { name, bytes } of given) {
        throwIfAborted(signal);
        await files.write(`${folderOf(id)}/${name}`, bytes, signal);
        record.files[name] = await parts.sha256(bytes);
        record.bytes += bytes.byteLength;
      }
      throwIfAborted(signal);
      await putCorpus(await database(), record);
      return record;
    } catch (error) {
      await files.remove(folderOf(id));
      throw error;
    }
  }

  async function open(id: string, file: string): Promise<StoredFile> {
    const record = await get(id);
    const expected = Object.hasOwn(record.files, file) ? record.files[file] : undefined;
    const path = `${folderOf(record.folder ?? id)}/${file}`;
    const blob = expected === undefined ? null : await files.open(path);
    if (!blob) throw damaged(record, file);
    async function* pieces(from: Blob, signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      const hash = new Sha256Stream();
      try {
        for await (const piece of piecesOf(from, signal)) {
          hash.update(piece);
          yield piece;
        }
      } catch (error) {
        // Removed while it was read, by another tab or by the browser.
        throw nameOf(error) === 'NotReadableError' || isNotFound(error) ? damaged(record, file) : error;
      }
      if (hash.digest() !== expected) throw damaged(record, file);
    }
    return { bytes: blob.size, pieces: (signal) => pieces(blob, signal) };
  }

  return {
    async list() {
      const records = await (await database()).getAll('corpora');
      return records.sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
    },

    async create(corpus, given, signal) {
      await requireRoom(given.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
      const id = parts.newId();
      return locks.hold(lockOf(id), () => store(id, corpus, given, signal));
    },

    async read(id, file) {
      const stored = await open(id, file);
      const bytes = new Uint8Array(stored.bytes);
      let at = 0;
      for await (const piece of stored.pieces()) {
        bytes.set(piece, at);
        at += piece.byteLength;
      }
      return bytes;
    },

    open,

    async readRange(id, file, start, bytes, signal) {
      throwIfAborted(signal);
      const record = await lookUp(id);
      const path = `${folderOf(record.folder ?? id)}/${file}`;
      const part = Object.hasOwn(record.files, file) ? await opened.read(path, start, bytes) : null;
      throwIfAborted(signal);
      if (part?.byteLength !== bytes) throw damaged(record, file);
      return part;
    },

    rename(id, name) {
      return locks.hold(lockOf(id), async () => {
        const title = name.trim();
        if (title === '') throw new AppError('BAD_INPUT', 'A corpus needs a name.', { fix: 'Type one.' });
        const record = { ...(await get(id)), name: title };
        await putCorpus(await database(), record);
        return record;
      });
    },

    remove(id) {
      return locks.hold(lockOf(id), async () => {
        const record = await (await database()).get('corpora', id);
        await (await database()).delete('corpora', id);
        await files.remove(folderOf(record?.folder ?? id));
      });
    },

    async sweep() {
      const used = async (): Promise<Map<string, CorpusRecord>> => {
        const records = await (await database()).getAll('corpora');
        return new Map(records.map((record) => [record.folder ?? record.id, record]));
      };
      const known = await used();
      let removed = 0;
      await files.remove(FORMER_PACKS);
      for (const id of await files.list(FOLDER)) {
        const record = known.get(id);
        if (record) {
          await removeRest(id, record);
          continue;
        }
        // Another tab may be writing it at this moment; then it holds the lock.
        await locks.tryHold(lockOf(id), async () => {
          if ((await used()).has(id) || (await readPlan(files, folderOf(id)))) return;
          await files.remove(folderOf(id));
          removed++;
        });
      }
      return removed;
    },

    ...createStaging(parts, { root: FOLDER, lockOf, requireRoom }),
    estimate: () => quota.estimate(),
    persist: () => quota.persist(),
  };
}
