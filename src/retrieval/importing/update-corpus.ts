/** A corpus brought up to date: its passages put together anew from what it holds and what files hold. */
import type { CorpusUpdate, PassageChanges, UpdateOutcome } from '../../protocol/corpus';
import { requestOf } from '../../protocol/encoder';
import type { Passage } from '../../protocol/retrieval';
import type { StagedCorpus } from '../../protocol/staged-corpus';
import { requireChunking } from '../documents/chunking';
import { importPassages, type ImportedSources, type ImportReadOptions } from '../documents/import-passages';
import { MOST_IN_MEMORY, type CorpusPassages } from '../open-passages';
import type { PassageOffsets } from '../packs/passage-offsets';
import { PassageFile } from '../passage-file';
import { RangedPassages } from '../ranged-passages';
import { finishImport, openPrevious } from './finish-import';
import { waiting, type ImportTools, type Watching } from './import-tools';
import { PassageWriter } from './passage-writer';
import { readOptions, writePassages } from './stage-passages';

/** The corpus under the same id with other passages; only what changed is analysed and embedded. */
export async function updateCorpus(
  id: string,
  update: CorpusUpdate,
  tools: ImportTools,
  watching: Watching = {},
): Promise<UpdateOutcome> {
  if (update.chunking) requireChunking(update.chunking);
  return tools.store.stage(
    async (staged) => {
      const previous = await openPrevious(id, tools, watching.signal);
      const { record, passages: old } = previous;
      const how = update.chunking ?? record.chunking;
      const options = readOptions({ ...update, ...(how && { chunking: how }) }, tools, watching);
      const changes = { added: 0, changed: 0, removed: 0, kept: 0 };
      const { sources, refusals, ...written } = await writePassages(staged, async (writer) => {
        const given = await readIncoming(staged, update, tools, options);
        await merge(old, given.passages, update, writer, { changes, signal: watching.signal });
        return { ...given, sources: update.add ? [...record.sources, ...given.sources] : given.sources };
      });
      const { parameters } = previous.bm25.data;
      const words = { ...parameters, analyzer: previous.bm25.analyzer.name };
      const encoder = record.encoder && requestOf(record.encoder);
      const index = record.index ? { index: record.index } : {};
      // Of an update that only deletes nothing was cut.
      const chunking = update.files.length > 0 ? options.chunking : record.chunking;
      const kept = { name: record.name, encoder, words, ...index, ...(chunking && { chunking }) };
      const plan = { ...kept, replaces: id, sources, refusals, changes, ...written };
      await staged.keep({ ...plan, format: 's3-web/import', version: 1, startedAt: tools.now() });
      return { ...(await finishImport(staged, tools, watching, previous)), changes };
    },
    { signal: watching.signal, ...waiting(watching) },
  );
}

const INCOMING = 'incoming.jsonl';

/** The passages of the files of an update, in a file of their own until it is known which place each has. */
async function readIncoming(
  staged: StagedCorpus,
  { files }: CorpusUpdate,
  { passagesInMemory }: ImportTools,
  options: ImportReadOptions,
): Promise<ImportedSources & { passages: CorpusPassages }> {
  if (files.length === 0) return { passages: new PassageFile(new Uint8Array()), sources: [], refusals: [] };
  const writer = new PassageWriter(await staged.sink(INCOMING));
  try {
    const found = await importPassages(files, writer, options);
    await writer.close();
    const passages = await openIncoming(staged, writer.offsets(), passagesInMemory);
    return { ...found, passages };
  } catch (error) {
    await writer.close().catch(() => undefined); // The first error is the one to tell.
    throw error;
  }
}

async function openIncoming(
  staged: StagedCorpus,
  offsets: PassageOffsets,
  mostInMemory = MOST_IN_MEMORY,
): Promise<CorpusPassages> {
  if (offsets.bytes <= mostInMemory)
    return new PassageFile((await staged.read(INCOMING)) ?? new Uint8Array());
  return new RangedPassages(
    (start, end, signal) => staged.readRange(INCOMING, start, end - start, signal),
    offsets,
    'Import the documents again.',
  );
}

/** What stays in its place, what is new at the end; without `add`, the files alone, in their order. */
async function merge(
  old: CorpusPassages,
  incoming: CorpusPassages,
  { add = false, remove = [] }: CorpusUpdate,
  writer: PassageWriter,
  { changes, signal }: { changes: PassageChanges; signal: AbortSignal | undefined },
): Promise<void> {
  const gone = new Set(remove);
  const fresh = new Map<string, number>();
  let row = 0;
  for await (const batch of incoming.batches(signal)) for (const { id } of batch) fresh.set(id, row++);
  const before = new Set<string>();
  for await (const batch of old.batches(signal)) {
    const now = await incoming.fetch(
      batch.flatMap(({ id }) => fresh.get(id) ?? []),
      signal,
    );
    for (const passage of batch) {
      before.add(passage.id);
      if (gone.has(passage.id) || (!add && !fresh.has(passage.id))) {
        changes.removed++;
        continue;
      }
      const next = now.get(fresh.get(passage.id) ?? -1) ?? passage;
      changes[isSame(passage, next) ? 'kept' : 'changed']++;
      if (add) await writer.add(next);
    }
  }
  for await (const batch of incoming.batches(signal)) {
    for (const passage of batch) {
      if (gone.has(passage.id)) continue;
      const known = before.has(passage.id);
      if (!known) changes.added++;
      if (!known || !add) await writer.add(passage);
    }
  }
}

const isSame = (a: Passage, b: Passage): boolean => a.title === b.title && a.text === b.text;
