/** The record of a precomputation: a line for every question done, appended at once, so that a killed one goes on where it was. */
import * as v from 'valibot';
import { AppError } from '../../protocol/errors';
import type { OutputSequences } from '../../agent/output-sequences';
import { RagCache, type RagEntry } from './rag-cache';

/** Where it lies: a text that only grows. */
export interface JournalFile {
  /** Empty where nothing was written yet. */
  read(): Promise<string>;
  /** What resolves is kept. */
  append(text: string): Promise<void>;
}

/** A question done. */
export interface PrecomputedQuestion {
  source: string;
  /** As the caches key it. */
  question: string;
  golden_answers: string[];
  /** What was found with the question, all of it. */
  context_with_info: string;
  entry: RagEntry;
}

/** What the answers depend on; a journal of others is not continued. */
export type PrecomputeSettings = Record<string, string | number | boolean>;

const Header = v.object({
  format: v.literal('s3-web/precompute'),
  version: v.literal(1),
  settings: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
});

const Line = v.object({
  source: v.string(),
  question: v.string(),
  golden_answers: v.array(v.string()),
  context_with_info: v.string(),
  entry: v.object({ answer: v.nullable(v.string()), score: v.number(), em_score: v.number() }),
});

const keyOf = (source: string, question: string): string => `${source}\n${question}`;

export class PrecomputeJournal {
  readonly #file: JournalFile;
  readonly #done = new Map<string, PrecomputedQuestion>();
  /** Lines are appended one after the other. */
  #last: Promise<void> = Promise.resolve();

  private constructor(file: JournalFile) {
    this.#file = file;
  }

  /**
   * Reads what is done. A last line that a crash cut short is left out.
   * @throws AppError BAD_INPUT where the journal is another file, or was made with other settings
   */
  static async open(file: JournalFile, settings: PrecomputeSettings): Promise<PrecomputeJournal> {
    const journal = new PrecomputeJournal(file);
    const text = await file.read();
    const end = text.lastIndexOf('\n') + 1;
    const header = JSON.stringify({ format: 's3-web/precompute', version: 1, settings });
    const lines = text.slice(0, end).split('\n').filter(Boolean);
    // What a crash left of a header while it was written.
    while (lines[0] !== undefined && lines[0] !== header && header.startsWith(lines[0])) lines.shift();
    const [first, ...rest] = lines;
    if (first === undefined) {
      if (!header.startsWith(text.slice(end))) throw foreign();
      await file.append(`${end < text.length ? '\n' : ''}${header}\n`);
      return journal;
    }
    journal.#expectHeader(parsed(first), settings);
    for (const line of rest) {
      const read = v.safeParse(Line, parsed(line));
      // A torn line that a later append has ended.
      if (read.success) journal.#keep(read.output);
    }
    if (end < text.length) await file.append('\n');
    return journal;
  }

  get(source: string, question: string): PrecomputedQuestion | undefined {
    return this.#done.get(keyOf(source, question));
  }

  get size(): number {
    return this.#done.size;
  }

  add(done: PrecomputedQuestion): Promise<void> {
    const line = `${JSON.stringify(done)}\n`;
    this.#last = this.#last.catch(() => undefined).then(() => this.#file.append(line));
    return this.#last.then(() => this.#keep(done));
  }

  /** As `rag_cache.json` has it. */
  cache(): RagCache {
    const cache = new RagCache();
    for (const { source, question, entry } of this.#done.values()) cache.set(source, question, entry);
    return cache;
  }

  /** By data source, as `{source}_output_sequences.json` has them. */
  sequences(): Record<string, OutputSequences> {
    const all: Record<string, OutputSequences> = {};
    for (const { source, question, golden_answers, context_with_info } of this.#done.values()) {
      (all[source] ??= {})[question] = { golden_answers, context_with_info };
    }
    return all;
  }

  #keep(done: PrecomputedQuestion): void {
    this.#done.set(keyOf(done.source, done.question), done);
  }

  #expectHeader(json: unknown, settings: PrecomputeSettings): void {
    const read = v.safeParse(Header, json);
    if (!read.success) {
      throw foreign();
    }
    const before = read.output.settings;
    const names = [...new Set([...Object.keys(before), ...Object.keys(settings)])];
    const other = names.filter((name) => before[name] !== settings[name]);
    if (other.length === 0) return;
    const told = other.map((name) => `${name} ${before[name] ?? '–'} → ${settings[name] ?? '–'}`).join(', ');
    throw new AppError('BAD_INPUT', `The precomputation that is there was made otherwise: ${told}.`, {
      fix: 'Go on with the settings it was begun with, or write to another place.',
    });
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // a line that a crash cut short
  }
}

const foreign = (): AppError =>
  new AppError('BAD_INPUT', 'This file is no record of a precomputation.', {
    fix: 'Choose another place to write to.',
  });
