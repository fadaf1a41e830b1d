/** Exact search in WebAssembly, by the calling thread and by others that share its memory. */
import { AppError } from '../../../protocol/errors';
import type { TopK } from '../../top-k';
import type { DenseIndex, DenseRows } from '../dense-index';
import { mergeTopK } from '../merge';
import type { SignRows } from '../sign-rows';
import { areasOf, layOut, reserve, rowsOf, type RowSize, type ScanLayout } from './layout';
import { MODULE, SHARED_MODULE } from './module';
import { Scanner, type Stretch } from './scanner';
import type { ScanThreads } from './threads';

const compiled = new Map<string, WebAssembly.Module | null>();

/** Null where this JavaScript engine lacks WebAssembly, its vectors or threads, or the page's policy forbids them. */
export function scanModule(shared: boolean): WebAssembly.Module | null {
  const text = shared ? SHARED_MODULE : MODULE;
  const known = compiled.get(text);
  if (known !== undefined) return known;
  let module: WebAssembly.Module | null = null;
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    module = new WebAssembly.Module(bytes);
  } catch {
    // What `null` says.
  }
  compiled.set(text, module);
  return module;
}

/** Below this, handing a stretch to another thread takes longer than scanning it. */
const ROWS_PER_THREAD = 16_384;

const helpersFor = (count: number, threads: ScanThreads | undefined): ScanThreads | undefined =>
  threads && count >= 2 * ROWS_PER_THREAD ? threads : undefined;

function requireModule(shared: boolean): WebAssembly.Module {
  const module = scanModule(shared);
  if (module) return module;
  throw new AppError('UNSUPPORTED', 'WebAssembly with vectors is not available here.', {
    fix: 'Use a current browser; the search works without it, more slowly.',
  });
}

/** What is known of rows once they are all there. */
export type RowRest = Partial<Pick<ScanLayout, 'mean' | 'largest' | 'seed'>>;

export interface WasmRoom {
  /** To be filled with the rows as they lie in their file, and their scales and products. */
  areas: ReturnType<typeof areasOf>;
  /** Views of what lies there. */
  rows(rest: RowRest): DenseRows | SignRows;
  open(rest: RowRest): WasmIndex;
}

export class WasmIndex implements DenseIndex {
  readonly count: number;
  readonly dimensions: number;
  readonly #stretches: number;
  readonly #layout: ScanLayout;
  readonly #scanner: Scanner;
  readonly #others: ScanThreads | undefined;
  readonly #id: number;
  /** The scratch of this thread is used by one search at a time. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(module: WebAssembly.Module, layout: ScanLayout, others: ScanThreads | undefined) {
    this.count = layout.count;
    this.dimensions = layout.dimensions;
    this.#layout = layout;
    this.#scanner = new Scanner(module, layout);
    this.#others = others;
    this.#stretches = 1 + (others?.size ?? 0);
    this.#id = others ? others.open(module, layout) : 0;
  }

  /**
   * Copies `rows` into memory of its own. `threads` help where there are enough rows for them.
   * @throws AppError UNSUPPORTED without WebAssembly SIMD, OUT_OF_MEMORY
   */
  static open(rows: DenseRows | SignRows, threads?: ScanThreads): WasmIndex {
    const others = helpersFor(rows.count, threads);
    const module = requireModule(others !== undefined);
    return new WasmIndex(module, layOut(rows, 1 + (others?.size ?? 0), others !== undefined), others);
  }

  /**
   * Room for rows that have yet to be read, where they will be searched: they need not lie anywhere else before. Fill `areas`, then `open`.
   * @throws AppError as `open`
   */
  static reserve(size: RowSize, threads?: ScanThreads): WasmRoom {
    const others = helpersFor(size.count, threads);
    const module = requireModule(others !== undefined);
    const layout = reserve(size, 1 + (others?.size ?? 0), others !== undefined);
    return {
      areas: areasOf(layout),
      rows: (rest) => rowsOf({ ...layout, ...rest }),
      open: (rest) => new WasmIndex(module, { ...layout, ...rest }, others),
    };
  }

  /** Bytes of the memory in which the rows lie. */
  get memoryBytes(): number {
    return this.#layout.memory.buffer.byteLength;
  }

  /** Those that scan, the calling one among them. */
  get threads(): number {
    return this.#others?.failure === undefined ? this.#stretches : 1;
  }

  /** The rows as they lie in the memory of WebAssembly. */
  get rows(): DenseRows | SignRows {
    return rowsOf(this.#layout);
  }

  search(queries: readonly Float32Array[], topK: number, signal?: AbortSignal): Promise<TopK[]> {
    const search = this.#last.then(() => this.#search(queries, topK, signal));
    this.#last = search.catch(() => undefined);
    return search;
  }

  async #search(
    queries: readonly Float32Array[],
    topK: number,
    signal: AbortSignal | undefined,
  ): Promise<TopK[]> {
    const others = this.#others;
    const [mine, ...theirs] = stretches(this.count, this.#stretches);
    if (!mine) return this.#scanner.search(queries, topK, { from: 0, to: 0 }, signal);
    // A wrong query is refused here before others are asked.
    const rows = this.rows;
    for (const query of queries) rows.scorer(query);
    const asked = theirs.map((stretch, i) => others?.search(this.#id, i, queries, topK, stretch) ?? []);
    const whole = Promise.all([this.#scanner.search(queries, topK, mine, signal), ...asked]);
    const results = await whole.catch((error: unknown) => {
      if (others?.failure === undefined) throw error;
      // Without the others this thread does all of it, with the same results.
      return this.#scanner
        .search(queries, topK, { from: 0, to: this.count }, signal)
        .then((found) => [found]);
    });
    return queries.map((_, q) =>
      mergeTopK(
        results.flatMap((result) => result[q] ?? []),
        topK,
      ),
    );
  }

  dispose(): void {
    this.#others?.close(this.#id);
  }
}

/** Equal parts, in whole fours. */
export function stretches(count: number, threads: number): Stretch[] {
  const each = Math.ceil(count / threads / 4) * 4;
  return Array.from({ length: threads }, (_, i) => ({
    from: Math.min(count, i * each),
    to: Math.min(count, (i + 1) * each),
  })).filter(({ from, to }) => from < to);
}
