/** The scan of one thread: finds candidates four rows at a time, and keeps the best by their scores in 64 bits. */
import { throwIfAborted } from '../../../protocol/errors';
import { TopKHeap, type TopK } from '../../top-k';
import { createPauser } from '../../yielding';
import { FloatRows } from '../float-rows';
import { rowsOf, SCAN_ROWS, type ScanLayout } from './layout';

/** What the module exports; addresses in bytes. See tools/wasm/scan. */
type ScanExports = Record<
  'scanBytes' | 'scanSigns' | 'scanFloats' | 'scanHalves',
  (...of: number[]) => number
>;

export interface Stretch {
  /** A multiple of four. */
  from: number;
  to: number;
}

type Pass = (from: number, rows: number, heap: TopKHeap) => void;

export class Scanner {
  readonly #run: ScanExports;
  readonly #layout: ScanLayout;
  readonly #rows: ReturnType<typeof rowsOf>;
  readonly #scratch: number;
  readonly #found: Uint32Array;
  readonly #scores: Float64Array;

  constructor(module: WebAssembly.Module, layout: ScanLayout, thread = 0) {
    const { memory, scratch, scratchBytes } = layout;
    const { exports } = new WebAssembly.Instance(module, { scan: { memory } });
    this.#run = exports as unknown as ScanExports;
    this.#layout = layout;
    this.#rows = rowsOf(layout);
    this.#scratch = scratch + thread * scratchBytes;
    const end = this.#scratch + scratchBytes;
    this.#found = new Uint32Array(memory.buffer, end - 4 * SCAN_ROWS, SCAN_ROWS);
    this.#scores = new Float64Array(memory.buffer, end - 12 * SCAN_ROWS, SCAN_ROWS);
  }

  async search(
    queries: readonly Float32Array[],
    topK: number,
    { from, to }: Stretch,
    signal?: AbortSignal,
  ): Promise<TopK[]> {
    throwIfAborted(signal);
    const pause = createPauser(signal);
    const scans = queries.map((query) => ({
      pass: this.#prepare(query),
      heap: new TopKHeap(Math.min(topK, to - from)),
    }));
    // Before a heap is full every row enters it, and of floats is scored once more: so the first calls are short.
    let rows = Math.min(SCAN_ROWS, Math.ceil(topK / 4) * 4);
    for (let start = from; start < to;) {
      const count = Math.min(rows, to - start);
      for (const { pass, heap } of scans) pass(start, count, heap);
      start += count;
      rows = Math.min(SCAN_ROWS, 4 * rows);
      await pause();
    }
    return scans.map(({ heap }) => heap.take());
  }

  #prepare(query: Float32Array): Pass {
    const { memory, data, stride, scales, products } = this.#layout;
    const scratch = new Uint8Array(memory.buffer, this.#scratch);
    const [found, scores] = [this.#found, this.#scores];
    const rows = this.#rows;
    const place = (view: ArrayBufferView): void =>
      scratch.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (rows instanceof FloatRows) {
      const scorer = rows.scorer(query);
      const bytes = stride * rows.data.BYTES_PER_ELEMENT;
      const scan = rows.dtype === 'f32' ? this.#run.scanFloats : this.#run.scanHalves;
      return (from, count, heap) => {
        place(scorer.query);
        // What lies below could not enter even if its sum were wrong by all that is possible.
        const threshold = Math.fround(heap.threshold - scorer.slack);
        const written = scan(data + from * bytes, bytes, count, this.#scratch, threshold, found.byteOffset);
        for (let i = 0; i < written; i += 1) {
          const row = from + (found[i] ?? 0);
          heap.push(row, scorer.score(row));
        }
      };
    }
    const scorer = rows.scorer(query);
    const more = 'total' in scorer ? [scorer.total] : [];
    const scan = rows.dtype === 'int8' ? this.#run.scanBytes : this.#run.scanSigns;
    return (from, count, heap) => {
      place(scorer.query);
      const written = scan(
        ...[data + from * stride, stride, count, this.#scratch, scales + 4 * from, products + 4 * from],
        ...[scorer.step, scorer.constant, heap.threshold, found.byteOffset, scores.byteOffset, ...more],
      );
      for (let i = 0; i < written; i += 1) heap.push(from + (found[i] ?? 0), scores[i] ?? 0);
    };
  }
}
