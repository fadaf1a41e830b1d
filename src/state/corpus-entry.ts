import type { CorpusRecord } from '../protocol/corpus';
import type { CorpusEntry } from './laboratory';

/** A stored record as the pages show it. */
export const entryOf = (record: CorpusRecord): CorpusEntry => ({
  id: record.id,
  name: record.name,
  passages: record.passages,
  bytes: record.bytes,
  encoder: record.encoder?.model ?? null,
  createdAt: record.createdAt,
  builtIn: false,
  ...(record.encoder && !record.link && { index: record.index ?? 'exact' }),
  ...(record.sources.length > 0 && { sources: record.sources }),
  ...(record.chunking && { chunking: record.chunking }),
  ...(record.link && { link: record.link }),
});
