/** Imports that go on after their tab was closed. */
import { AppError, throwIfAborted, toEnvelope, type ErrorCode } from '../../protocol/errors';
import type { CorpusRecord } from '../../protocol/corpus';
import type {
  ImportPlan,
  StagedCorpus,
  StagedImport,
  StageOptions,
  StagingStore,
} from '../../protocol/staged-corpus';
import type { CorpusStoreParts } from './corpus-store-parts';
import { putCorpus } from './database';
import { openFiles, piecesOf } from './file-ranges';
import { Sha256Stream } from './sha256-stream';

export const PLAN_FILE = 'import.json';
/** Held by whoever imports, in whichever tab. */
const IMPORT_LOCK = 's3:import';

export interface StagingPlaces {
  root: string;
  lockOf: (id: string) => string;
  /** Rejects with `STORAGE_FULL` where the browser's estimate leaves no room for so many bytes more. */
  requireRoom: (bytes: number) => Promise<void>;
}

export const isPlan = (value: unknown): value is ImportPlan => {
  if (typeof value !== 'object' || value === null) return false;
  const { format, version, name, passages, hash, sources, refusals, words } = value as Partial<
    Record<keyof ImportPlan, unknown>
  >;
  return (
    format === 's3-web/import' &&
    version === 1 &&
    typeof name === 'string' &&
    typeof passages === 'number' &&
    typeof hash === 'string' &&
    Array.isArray(sources) &&
    Array.isArray(refusals) &&
    typeof words === 'object'
  );
};

const packLock = (hash: string): string => `s3:pack:${hash}`;

/** Failures that come again however often it is tried, and those that ask for the room back. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'ABORTED',
  'BAD_INPUT',
  'INTEGRITY',
  'NOT_FOUND',
  'STORAGE_FULL',
  'UNSUPPORTED',
]);

/** The plan of a folder; none where it was cut short before there was one, or while it was written. */
export async function readPlan(
  files: CorpusStoreParts['files'],
  folder: string,
): Promise<ImportPlan | undefined> {
  const bytes = await files.read(`${folder}/${PLAN_FILE}`);
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isPlan(value) ? value : undefined;
  } catch {
    return undefined; // Cut off in the middle.
  }
}

/** Rejects as soon as the signal fires while the work waits for its turn; once it has begun, when it has cleaned up. */
function untilAborted<T>(
  work: Promise<T>,
  begun: () => boolean,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      if (!begun()) reject(new AppError('ABORTED', 'Stopped.', { recoverable: true }));
    };
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}

export function createStaging(
  parts: CorpusStoreParts,
  { root, lockOf, requireRoom }: StagingPlaces,
): Pick<StagingStore, 'stage' | 'unfinished' | 'discard'> {
  const { database, files, locks } = parts;
  const folderOf = (id: string): string => `${root}/${id}`;

  function staged(id: string, plan: ImportPlan | undefined): StagedCorpus & { plan: ImportPlan | undefined } {
    const folder = folderOf(id);
    const opened = openFiles(files);
    /** Of files that have not been written since. */
    const hashes = new Map<string, string>();
    const lost = (file: string): AppError =>
      new AppError('INTEGRITY', `The new corpus has lost ${file}.`, { fix: 'Import again.' });
    const self: StagedCorpus & { plan: ImportPlan | undefined } = {
      ...{ id, plan },
      async sink(file, keep) {
        hashes.delete(file);
        const sink = await files.sink(`${folder}/${file}`, keep);
        // Asked piece by piece: how much comes is not known in advance, and not every browser refuses a write that is too much.
        const write = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
          await requireRoom(bytes.byteLength);
          await sink.write(bytes);
        };
        return { ...sink, write };
      },
      async write(file, bytes, signal) {
        hashes.delete(file);
        await requireRoom(bytes.byteLength);
        await files.write(`${folder}/${file}`, bytes, signal);
      },
      read: (file) => files.read(`${folder}/${file}`),
      async open(file) {
        const content = await files.open(`${folder}/${file}`);
        return content && { bytes: content.size, pieces: (signal) => piecesOf(content, signal) };
      },
      async readRange(file, start, bytes, signal) {
        throwIfAborted(signal);
        const part = await opened.read(`${folder}/${file}`, start, bytes);
        throwIfAborted(signal);
        if (part?.byteLength !== bytes) throw lost(file);
        return part;
      },
      async hashOf(file, signal) {
        const known = hashes.get(file);
        if (known !== undefined) return known;
        const content = await files.open(`${folder}/${file}`);
        if (!content) throw lost(file);
        const hash = new Sha256Stream();
        for await (const piece of piecesOf(content, signal)) hash.update(piece);
        const digest = hash.digest();
        hashes.set(file, digest);
        return digest;
      },
      remove: (file) => files.remove(`${folder}/${file}`),
      list: () => files.list(folder),
      async keep(given) {
        await files.write(`${folder}/${PLAN_FILE}`, new TextEncoder().encode(JSON.stringify(given)));
        self.plan = given;
      },
      async commit(corpus, names, replaces) {
        const kept: Record<string, string> = {};
        let bytes = 0;
        for (const name of names) {
          kept[name] = await self.hashOf(name);
          bytes += (await self.open(name))?.bytes ?? 0;
        }
        const fresh: CorpusRecord = {
          ...{ id, createdAt: parts.now(), ...corpus, bytes, files: kept },
        };
        const record = replaces === undefined ? fresh : await replace(replaces, fresh);
        if (replaces === undefined) await putCorpus(await database(), fresh);
        for (const name of await files.list(folder)) {
          if (!Object.hasOwn(kept, name)) await files.remove(`${folder}/${name}`);
        }
        return record;
      },
    };
    return self;
  }

  /** One record points from the old files to the new ones; the old go afterwards. */
  const replace = (id: string, fresh: CorpusRecord): Promise<CorpusRecord> =>
    locks.hold(lockOf(id), async () => {
      const old = await (await database()).get('corpora', id);
      if (!old) {
        throw new AppError('NOT_FOUND', 'The corpus was deleted while it was brought up to date.', {
          fix: 'Import the documents as a new corpus.',
        });
      }
      const record: CorpusRecord = {
        ...fresh,
        id,
        name: old.name,
        createdAt: old.createdAt,
        folder: fresh.id,
      };
      await putCorpus(await database(), record);
      await files.remove(folderOf(old.folder ?? id));
      return record;
    });

  async function attempt<T>(
    id: string,
    work: (staged: StagedCorpus) => Promise<T>,
    plan: ImportPlan | undefined,
    isFinal: (code: ErrorCode) => boolean,
  ): Promise<T> {
    const corpus = staged(id, plan);
    try {
      return await work(corpus);
    } catch (error) {
      const { code, context } = toEnvelope(error);
      const paused = code === 'ABORTED' && context?.['paused'] === true;
      if (corpus.plan === undefined || (isFinal(code) && !paused)) await files.remove(folderOf(id));
      throw error;
    }
  }

  async function unfinished(): Promise<StagedImport[]> {
    const found: StagedImport[] = [];
    for (const id of await files.list(root)) {
      if (await locks.isHeld(lockOf(id))) continue;
      const plan = await readPlan(files, folderOf(id));
      if (!plan || (await isUsed(id))) continue;
      const names = await files.list(folderOf(id));
      found.push({ id, plan, files: names, ...(plan.pack && { bytes: await bytesOf(id, names) }) });
    }
    return found.sort((a, b) => a.plan.startedAt.localeCompare(b.plan.startedAt));
  }

  async function bytesOf(id: string, names: readonly string[]): Promise<number> {
    let bytes = 0;
    for (const name of names) {
      if (name !== PLAN_FILE) bytes += (await files.open(`${folderOf(id)}/${name}`))?.size ?? 0;
    }
    return bytes;
  }

  /** Once it is its turn: what there is of a pack, or what it is to be called. */
  async function idOf({ resume, pack }: StageOptions): Promise<{ id: string; known: boolean }> {
    if (resume !== undefined) return { id: resume, known: true };
    const begun =
      pack === undefined ? undefined : (await unfinished()).find(({ plan }) => plan.pack?.hash === pack);
    return begun ? { id: begun.id, known: true } : { id: parts.newId(), known: false };
  }

  return {
    async stage(work, options = {}) {
      const { pack, signal, onWait } = options;
      throwIfAborted(signal);
      const queue = pack === undefined ? IMPORT_LOCK : packLock(pack);
      const isFinal = (code: ErrorCode): boolean =>
        pack === undefined ? FINAL.has(code) : code === 'STORAGE_FULL';
      if (await locks.isHeld(queue)) onWait?.();
      let begun = false;
      // As a promise: a thrown error would have nobody to hear it where the lock is not waited for.
      const importing = locks.hold(queue, async () => {
        throwIfAborted(signal);
        begun = true;
        const { id, known } = await idOf(options);
        return locks.hold(lockOf(id), async () => {
          const plan = known ? await readPlan(files, folderOf(id)) : undefined;
          if (known && !plan) {
            throw new AppError('NOT_FOUND', 'There is no such unfinished import on this device.', {
              fix: 'Import the documents again.',
            });
          }
          return attempt(id, work, plan, isFinal);
        });
      });
      return untilAborted(importing, () => begun, signal);
    },

    unfinished,

    discard(id) {
      return locks.hold(lockOf(id), async () => {
        if (!(await isUsed(id))) await files.remove(folderOf(id));
      });
    },
  };

  async function isUsed(id: string): Promise<boolean> {
    const records = await (await database()).getAll('corpora');
    return records.some((record) => (record.folder ?? record.id) === id);
  }
}
