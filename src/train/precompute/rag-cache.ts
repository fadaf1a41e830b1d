/**
 * What plain RAG answers, question by question: the baseline of the reward. The file is the original's `rag_cache.json`, which is
 * its generic result file (spec of the formats, §5).
 */
import * as v from 'valibot';
import { askedQuestion } from '../../agent/searcher-prompt';
import { AppError } from '../../protocol/errors';

const Bit = v.union([
  v.literal(0),
  v.literal(1),
  v.pipe(
    v.boolean(),
    v.transform((yes) => (yes ? 1 : 0)),
  ),
]);

const Entry = v.looseObject({
  answer: v.nullable(v.string()),
  /** GenAcc of the answer. */
  score: Bit,
  /** Exact match of the answer; older files do without. */
  em_score: v.optional(Bit, 0),
});

/** A list would pass for a record of its indices. */
const byName = <T extends v.GenericSchema>(value: T) =>
  v.pipe(
    v.custom<Record<string, unknown>>((x) => typeof x === 'object' && x !== null && !Array.isArray(x)),
    v.record(v.string(), value),
  );

const File = byName(byName(Entry));

export interface RagEntry {
  /** Null where there was no context to answer from. */
  answer: string | null;
  /** GenAcc, 0 or 1. */
  score: number;
  /** Exact match, 0 or 1. */
  em_score: number;
}

/** Data source → question → entry. */
export type RagCacheFile = Record<string, Record<string, RagEntry>>;

export class RagCache {
  readonly #sources = new Map<string, Map<string, RagEntry>>();

  /** @throws AppError BAD_INPUT */
  static parse(json: unknown): RagCache {
    const read = v.safeParse(File, json);
    if (!read.success) {
      const [issue] = read.issues;
      const where = v.getDotPath(issue) ?? 'the document';
      throw new AppError('BAD_INPUT', `This is no rag_cache.json: ${where}: ${issue.message}`, {
        fix: 'Choose the file that `precompute` or s3’s own scripts wrote.',
      });
    }
    const cache = new RagCache();
    for (const [source, entries] of Object.entries(read.output)) {
      for (const [question, { answer, score, em_score }] of Object.entries(entries)) {
        cache.set(source, question, { answer, score, em_score });
      }
    }
    return cache;
  }

  /** @param source the data source, such as `nq` */
  get(source: string, question: string): RagEntry | undefined {
    return this.#sources.get(source)?.get(askedQuestion(question));
  }

  set(source: string, question: string, entry: RagEntry): void {
    const entries = this.#sources.get(source) ?? new Map<string, RagEntry>();
    this.#sources.set(source, entries.set(askedQuestion(question), entry));
  }

  get size(): number {
    return [...this.#sources.values()].reduce((sum, entries) => sum + entries.size, 0);
  }

  /** Takes over another's entries; its word goes before what is here. */
  merge(other: RagCache): void {
    for (const [source, entries] of other.#sources) {
      for (const [question, entry] of entries) this.set(source, question, entry);
    }
  }

  toFile(): RagCacheFile {
    return Object.fromEntries(
      [...this.#sources].map(([source, entries]) => [source, Object.fromEntries(entries)]),
    );
  }

  /** As it lies on the disk. */
  toText(): string {
    return `${JSON.stringify(this.toFile(), null, 2)}\n`;
  }
}
