/** The int8 rows of a `vectors.bin` that is not in memory: read a few at a time, from OPFS or by HTTP range. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import { crc32 } from '../packs/crc32';

/** Exactly `bytes` bytes from `start` on. */
export type RangeReader = (start: number, bytes: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** Where the rows lie in the file. */
interface Place {
  start: number;
  stride: number;
  count: number;
}

const PREFIX_BYTES = 16;
const MAGIC = 'S3SECT\0\0';
const MAX_HEADER_BYTES = 1 << 20;
/** Rows that lie no farther apart come by one read. */
const GAP_BYTES = 4096;
/** A search reads a hundred rows or so; hosts take many requests at once over HTTP/2, and browsers queue what is too much for the others. */
const PARALLEL = 16;

const damaged = (what: string): AppError =>
  new AppError('INTEGRITY', `The vectors file cannot be read row by row: ${what}.`, {
    fix: 'Build the index again.',
  });

export class RangedRows {
  readonly #read: RangeReader;
  readonly #place: Place;
  readonly #checks: Uint32Array | undefined;

  private constructor(read: RangeReader, place: Place, checks: Uint32Array | undefined) {
    this.#read = read;
    this.#place = place;
    this.#checks = checks;
  }

  get count(): number {
    return this.#place.count;
  }

  get stride(): number {
    return this.#place.stride;
  }

  /**
   * Reads the file's header alone. With `checks`, a CRC-32 of each row, an altered row is refused when it is read.
   * @throws AppError INTEGRITY where it is no file of int8 rows
   */
  static async open(
    read: RangeReader,
    stride: number,
    signal?: AbortSignal,
    checks?: Uint32Array,
  ): Promise<RangedRows> {
    const prefix = await exactly(read, 0, PREFIX_BYTES, signal);
    if (new TextDecoder('latin1').decode(prefix.subarray(0, MAGIC.length)) !== MAGIC) {
      throw damaged('it does not begin as such a file does');
    }
    const headerBytes = new DataView(prefix.buffer, prefix.byteOffset).getUint32(12, true);
    if (headerBytes > MAX_HEADER_BYTES) throw damaged('its header is too long');
    const text = new TextDecoder().decode(await exactly(read, PREFIX_BYTES, headerBytes, signal));
    const rows = sectionOf(text);
    if (rows.bytes % stride !== 0) throw damaged('its rows have another length');
    const start = PREFIX_BYTES + headerBytes + rows.offset;
    const count = rows.bytes / stride;
    if (checks && checks.length !== count) throw damaged('its checksums are of other rows');
    return new RangedRows(read, { start, stride, count }, checks);
  }

  /** The codes of `rows`, which must ascend, one after the other. @throws AppError INTEGRITY, ABORTED */
  async fetch(rows: readonly number[], signal?: AbortSignal): Promise<Int8Array> {
    const { start, stride } = this.#place;
    const codes = new Int8Array(rows.length * stride);
    const runs = this.#runs(rows).values();
    const lane = async (): Promise<void> => {
      for (const { from, to } of runs) {
        throwIfAborted(signal);
        const [first = 0, last = 0] = [rows[from], rows[to - 1]];
        const bytes = await exactly(this.#read, start + first * stride, (last - first + 1) * stride, signal);
        for (let i = from; i < to; i += 1) {
          const at = ((rows[i] ?? 0) - first) * stride;
          this.#check(rows[i] ?? 0, bytes.subarray(at, at + stride));
          codes.set(new Int8Array(bytes.buffer, bytes.byteOffset + at, stride), i * stride);
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    return codes;
  }

  #check(row: number, bytes: Uint8Array): void {
    if (this.#checks && crc32(bytes) !== this.#checks[row]) {
      throw damaged(`row ${row} is not the one that was written`);
    }
  }

  /** Stretches of `rows` that are read at once. */
  #runs(rows: readonly number[]): { from: number; to: number }[] {
    const runs: { from: number; to: number }[] = [];
    rows.forEach((row, i) => {
      if (row >= this.count) throw damaged(`it has no row ${row}`);
      const last = runs.at(-1);
      const gap = (row - (rows[i - 1] ?? row) - 1) * this.stride;
      if (last && gap <= GAP_BYTES) last.to = i + 1;
      else runs.push({ from: i, to: i + 1 });
    });
    return runs;
  }
}

async function exactly(
  read: RangeReader,
  start: number,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const got = await read(start, bytes, signal);
  if (got.byteLength !== bytes) throw damaged('it is cut short');
  return got;
}

function sectionOf(text: string): { offset: number; bytes: number } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw damaged('its header is no JSON');
  }
  const { meta, sections } = (header ?? {}) as { meta?: { dtype?: unknown }; sections?: unknown };
  if (meta?.dtype !== 'int8' || !Array.isArray(sections)) throw damaged('its rows are not int8');
  const rows = (sections as { name?: unknown; offset?: unknown; bytes?: unknown }[]).find(
    ({ name }) => name === 'rows',
  );
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!rows || !isCount(rows.offset) || !isCount(rows.bytes)) throw damaged('its rows are missing');
  return { offset: rows.offset, bytes: rows.bytes };
}
