/**
 * Passages that stay where they lie, on a disk or a host: a table says where each is, and those that are found are read by range. What is read
 * is checked line by line against the CRC-32 of the table, never against the hash of the whole file: that tells damage and another build from
 * what was indexed, not a forger who can write to the file. Where one could, as on a host, the bytes are checked before they come here.
 */
import { AppError, throwIfAborted } from '../protocol/errors';
import type { Passage } from '../protocol/retrieval';
import type { PassageOffsets } from './packs/passage-offsets';
import { PassageFile } from './passage-file';
import type { FetchedPassages } from './passage-text';
import { RecentMap } from './remote/polite-client';

/** Exactly these bytes, the last left out. */
export type ReadBytes = (start: number, end: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** Passages that lie no farther apart come by one read. */
const GAP_BYTES = 4 * 1024;
/** Of one read, where many lie side by side. */
const MOST_BYTES = 1 << 20;
const PARALLEL = 6;
/** Passages kept in memory: a session asks for the same ones again and again. */
const KEPT = 2_000;

interface Run {
  start: number;
  end: number;
  rows: number[];
}

export class RangedPassages implements FetchedPassages {
  readonly #read: ReadBytes;
  readonly #offsets: PassageOffsets;
  readonly #fix: string;
  readonly #known = new RecentMap<Passage>(KEPT);

  /** `fix`: what to do about a line that is not the one that was indexed. */
  constructor(read: ReadBytes, offsets: PassageOffsets, fix: string) {
    this.#read = read;
    this.#offsets = offsets;
    this.#fix = fix;
  }

  get length(): number {
    return this.#offsets.count;
  }

  /** Of the table; not of the few passages that are kept. */
  get memoryBytes(): number {
    return this.#offsets.memoryBytes;
  }

  /** By row. @throws AppError INTEGRITY where a row's bytes are not those that were indexed; ABORTED; as what reads the bytes */
  async fetch(rows: Iterable<number>, signal?: AbortSignal): Promise<Map<number, Passage>> {
    const found = new Map<number, Passage>();
    const missing = new Set<number>();
    for (const row of rows) {
      const known = this.#known.get(String(row));
      if (known) found.set(row, known);
      else missing.add(row);
    }
    const next = this.#runs([...missing].sort((a, b) => a - b)).values();
    const lane = async (): Promise<void> => {
      for (const run of next) {
        for (const [row, passage] of await this.#take(run, signal)) {
          found.set(row, passage);
          this.#known.set(String(row), passage);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    return found;
  }

  /** All of them in order, a megabyte at a time; none is kept. @throws as `fetch` */
  async *batches(signal?: AbortSignal): AsyncGenerator<Passage[]> {
    for (let row = 0; row < this.length;) {
      const [start, first] = this.#range(row);
      const run: Run = { start, end: first, rows: [row++] };
      while (row < this.length && run.end - start < MOST_BYTES) {
        [, run.end] = this.#range(row);
        run.rows.push(row++);
      }
      yield (await this.#take(run, signal)).map(([, passage]) => passage);
    }
  }

  async #take({ start, end, rows }: Run, signal: AbortSignal | undefined): Promise<[number, Passage][]> {
    throwIfAborted(signal);
    const bytes = await this.#read(start, end, signal);
    return rows.map((row) => [row, this.#parse(row, bytes, start)]);
  }

  #parse(row: number, bytes: Uint8Array, start: number): Passage {
    const [from, to] = this.#range(row);
    const line = bytes.subarray(from - start, to - start);
    const passage = this.#offsets.isLine(row, line) ? new PassageFile(line).at(0) : undefined;
    if (passage) return passage;
    throw new AppError('INTEGRITY', `Passage ${row + 1} is not the one that was indexed.`, {
      fix: this.#fix,
    });
  }

  #range(row: number): [start: number, end: number] {
    const range = this.#offsets.range(row);
    if (range) return range;
    throw new AppError('INTEGRITY', `The index knows passage ${row}, the corpus has only ${this.length}.`, {
      fix: 'Build the index again.',
    });
  }

  #runs(rows: readonly number[]): Run[] {
    const runs: Run[] = [];
    for (const row of rows) {
      const [start, end] = this.#range(row);
      const last = runs.at(-1);
      if (last && start - last.end <= GAP_BYTES && end - last.start <= MOST_BYTES) {
        last.end = end;
        last.rows.push(row);
      } else runs.push({ start, end, rows: [row] });
    }
    return runs;
  }
}
