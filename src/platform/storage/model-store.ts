import type { StorageEstimate } from '../../protocol/corpus';
import { AppError, toEnvelope } from '../../protocol/errors';
import type { FileSink, ImportProgress } from '../../protocol/model-import';
import type {
  FilledModel,
  ListedModel,
  ModelDraft,
  ModelStore,
  StoredAdapter,
  StoredModel,
} from '../../protocol/model-library';
import { sameOrigin, slugOf } from '../../protocol/model-ids';
import { putModel, type Database } from './database';
import { describeWriteError, type RangedFileStore } from './file-store';
import type { Locks } from './locks';

export interface ModelStoreParts {
  database: () => Promise<Database>;
  files: RangedFileStore;
  locks: Locks;
  estimate: () => Promise<StorageEstimate>;
  /** ISO 8601. */
  now: () => string;
}

const FOLDER = 'models';
const ADAPTERS = 'adapters';
/** Beyond the bytes themselves: the browser's own records, and a margin. */
const HEADROOM = 1.05;

const lockOf = (id: string): string => `s3:model:${id}`;
const folderOf = (id: string): string => `${FOLDER}/${id}`;

const notFound = (id: string): AppError =>
  new AppError('NOT_FOUND', `There is no model “${id}” on this device.`, {
    fix: 'Choose another one; it was deleted, or the browser removed it.',
    context: { id },
  });

const busy = (name: string): AppError =>
  new AppError('BUSY', `“${name}” is being downloaded already, in this tab or another.`, {
    fix: 'Wait until it is done, or pause it there.',
    recoverable: true,
  });

/** Models in folders under their ids; what an import has stored counts only once its record says `ready`. */
export function createModelStore(parts: ModelStoreParts): ModelStore {
  const { database, files, locks } = parts;

  async function get(id: string): Promise<StoredModel> {
    const record = await (await database()).get('models', id);
    if (!record) throw notFound(id);
    return record;
  }

  const put = async (record: StoredModel): Promise<void> => putModel(await database(), record);

  /** Of the model alone. */
  async function storedBytes(id: string): Promise<number> {
    const entries = await files.walk(folderOf(id));
    return entries.reduce((sum, { path, bytes }) => sum + (path.startsWith(`${ADAPTERS}/`) ? 0 : bytes), 0);
  }

  async function requireRoom(bytes: number): Promise<void> {
    const { usedBytes, quotaBytes } = await parts.estimate();
    if (quotaBytes === 0 || quotaBytes - usedBytes >= bytes * HEADROOM) return;
    throw describeWriteError(new DOMException('No room.', 'QuotaExceededError'), Math.ceil(bytes));
  }

  /** Runs the work while nobody else has the model. */
  async function alone<T>(id: string, name: string, work: () => Promise<T>): Promise<T> {
    const held: { result?: T } = {};
    const free = await locks.tryHold(lockOf(id), async () => {
      held.result = await work();
    });
    if (!free) throw busy(name);
    return held.result as T;
  }

  async function erase(id: string): Promise<void> {
    await (await database()).delete('models', id);
    await files.remove(folderOf(id));
  }

  function sinkOf(record: StoredModel, noted: { progress: ImportProgress | null }): FileSink {
    const at = (path: string): string => `${folderOf(record.id)}/${path}`;
    return {
      list: () => files.walk(folderOf(record.id)),
      read: (path) => files.read(at(path)),
      async write(path, bytes, signal) {
        await files.write(at(path), bytes, signal);
        const { progress } = noted;
        if (progress) record.progress = { done: progress.done, total: progress.total };
        record.bytes = await storedBytes(record.id);
        await put(record);
      },
      remove: (path) => files.remove(at(path)),
      // The record makes a model visible, once the report is there too.
      commit: () => Promise.resolve(),
    };
  }

  async function begin(draft: ModelDraft): Promise<StoredModel> {
    const known = await (await database()).get('models', draft.id);
    if (known?.state === 'ready') {
      throw new AppError('BAD_INPUT', `“${known.name}” is on this device already.`, {
        fix: 'Delete it first if it is to be fetched anew.',
        context: { id: known.id },
      });
    }
    if (known && !sameOrigin(known.origin, draft.origin)) {
      throw new AppError('BAD_INPUT', `Another model is kept under the name ${draft.id}.`, {
        fix: 'Delete it, or give this one another name.',
      });
    }
    await requireRoom(draft.neededBytes - (known ? await storedBytes(draft.id) : 0));
    const { id, name, origin, weights } = draft;
    const record: StoredModel = known ?? {
      ...{ id, name, origin, weights, createdAt: parts.now(), state: 'paused', bytes: 0 },
      ...{ progress: null, report: null, config: null, settings: {}, adapters: [] },
    };
    await put(record);
    return record;
  }

  async function fill(draft: ModelDraft, work: Parameters<ModelStore['fill']>[1]): Promise<StoredModel> {
    const record = await begin(draft);
    const noted: { progress: ImportProgress | null } = { progress: null };
    let filled: FilledModel;
    try {
      filled = await work(sinkOf(record, noted), (progress) => (noted.progress = progress));
      if (!(await files.open(`${folderOf(draft.id)}/pack.json`))) {
        throw new AppError('INTERNAL', 'The import ended without a manifest.', { recoverable: true });
      }
      const ready: StoredModel = {
        ...record,
        ...{ state: 'ready', ...filled, progress: null, bytes: await storedBytes(draft.id) },
      };
      await put(ready);
      return ready;
    } catch (error) {
      if (toEnvelope(error).code !== 'STORAGE_FULL') throw error;
      await erase(draft.id);
      throw new AppError('STORAGE_FULL', `The browser gives no more room for “${draft.name}”.`, {
        fix: 'What it had stored was removed. Delete a model or a corpus that you no longer need, or free space on the disk, and try again.',
        recoverable: true,
        cause: error,
        context: { neededBytes: Math.ceil(draft.neededBytes) },
      });
    }
  }

  /** Reads, changes and writes a record, undisturbed by another tab that does the same. */
  async function edit(id: string, change: (record: StoredModel) => Promise<StoredModel> | StoredModel) {
    return locks.hold(`${lockOf(id)}:record`, async () => {
      const record = await change(await get(id));
      await put(record);
      return record;
    });
  }

  return {
    async list() {
      const records = await (await database()).getAll('models');
      const listed = await Promise.all(
        records.map(async (record): Promise<ListedModel> => {
          const busy = record.state === 'paused' && (await locks.isHeld(lockOf(record.id)));
          return { ...record, busy };
        }),
      );
      return listed.sort((a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id));
    },

    get,
    fill: (draft, work) => alone(draft.id, draft.name, () => fill(draft, work)),
    files: (id) => files.walk(folderOf(id)),
    open: (id, path) => files.open(`${folderOf(id)}/${path}`),

    change(id, { name, settings }) {
      return edit(id, (record) => {
        const title = name?.trim();
        if (title === '') throw new AppError('BAD_INPUT', 'A model needs a name.', { fix: 'Type one.' });
        return { ...record, ...(title !== undefined && { name: title }), ...(settings && { settings }) };
      });
    },

    addAdapter(id, name, given, shape) {
      return edit(id, async (record) => {
        const taken = new Set(record.adapters.map((adapter) => adapter.id));
        let adapter = slugOf(name, 32);
        for (let n = 2; taken.has(adapter); n += 1) adapter = `${slugOf(name, 28)}-${n}`;
        const folder = `${folderOf(id)}/${ADAPTERS}/${adapter}`;
        const entry: StoredAdapter = {
          ...{ id: adapter, name, bytes: 0, createdAt: parts.now() },
          ...(shape && { shape }),
        };
        try {
          for (const [path, blob] of given) {
            await files.write(`${folder}/${path}`, new Uint8Array(await blob.arrayBuffer()));
            entry.bytes += blob.size;
          }
        } catch (error) {
          await files.remove(folder);
          throw error;
        }
        return { ...record, adapters: [...record.adapters, entry] };
      });
    },

    async removeAdapter(id, adapter) {
      const record = await edit(id, (known) => ({
        ...known,
        adapters: known.adapters.filter((entry) => entry.id !== adapter),
      }));
      await files.remove(`${folderOf(id)}/${ADAPTERS}/${adapter}`);
      return record;
    },

    async remove(id) {
      const record = await (await database()).get('models', id);
      await alone(id, record?.name ?? id, () => erase(id));
    },

    async sweep() {
      const known = new Set(await (await database()).getAllKeys('models'));
      let removed = 0;
      for (const id of await files.list(FOLDER)) {
        if (known.has(id)) continue;
        // Another tab may be writing it at this moment; then it holds the lock.
        await locks.tryHold(lockOf(id), async () => {
          if (await (await database()).get('models', id)) return;
          await files.remove(folderOf(id));
          removed += 1;
        });
      }
      return removed;
    },

    estimate: parts.estimate,
  };
}
