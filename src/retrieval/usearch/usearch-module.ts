/** usearch in WebAssembly: one instance, and so one memory, for each index. Source: tools/usearch. */
import { AppError } from '../../protocol/errors';

/** Functions of tools/usearch/wrapper.cpp; addresses and lengths in bytes. */
type Exports = Record<
  | 'us_error'
  | 'us_new'
  | 'us_free'
  | 'us_reserve'
  | 'us_add'
  | 'us_remove'
  | 'us_contains'
  | 'us_size'
  | 'us_capacity'
  | 'us_ef'
  | 'us_search'
  | 'us_length'
  | 'us_save'
  | 'us_load'
  | 'us_view'
  | 'us_allocate'
  | 'us_release',
  (...of: number[]) => number
> & { memory: WebAssembly.Memory; _initialize: () => void };

export type UsearchFunction = Exclude<keyof Exports, 'memory' | '_initialize'>;

/** File functions that usearch names and nothing here calls. */
const refuse = (): number => -1;
const IMPORTS: WebAssembly.Imports = {
  env: {
    emscripten_notify_memory_growth: () => undefined,
    __syscall_fstat64: refuse,
    __syscall_stat64: refuse,
    __syscall_fstatat64: refuse,
  },
  wasi_snapshot_preview1: { proc_exit: () => undefined, fd_close: refuse },
};

const PAGE = 65536;
const MOST_PAGES = 65536;

export class UsearchInstance {
  readonly #exports: Exports;
  #broken: unknown;

  constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module, IMPORTS);
    this.#exports = exports as unknown as Exports;
    this.#exports._initialize();
  }

  get memory(): ArrayBuffer {
    return this.#exports.memory.buffer;
  }

  bytesAt(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory, address >>> 0, length);
  }

  /** @throws AppError OUT_OF_MEMORY, or INTERNAL for whatever else usearch says */
  call(name: UsearchFunction, ...of: number[]): number {
    if (this.#broken !== undefined) throw failure('The usearch index has failed before', this.#broken);
    let result: number;
    let text: string;
    try {
      result = this.#exports[name](...of);
      text = this.#textAt(this.#exports.us_error());
    } catch (cause) {
      // It stopped in the middle of something: nothing of it can be relied on.
      this.#broken = cause;
      throw this.memory.byteLength >= (MOST_PAGES - 1) * PAGE
        ? outOfMemory(cause)
        : failure('The usearch index has failed', cause);
    }
    if (text === '') return result;
    throw /memory/i.test(text) ? outOfMemory(text) : failure(`usearch: ${text}`, text);
  }

  /** @throws AppError OUT_OF_MEMORY */
  allocate(bytes: number): number {
    const address = this.call('us_allocate', bytes);
    if (address === 0) throw outOfMemory();
    return address >>> 0;
  }

  #textAt(address: number): string {
    const bytes = new Uint8Array(this.memory, address >>> 0);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }
}

const failure = (message: string, cause: unknown): AppError =>
  new AppError('INTERNAL', message.endsWith('.') || message.endsWith('!') ? message : `${message}.`, {
    fix: 'Open the index again; if it happens again, build it again.',
    cause,
  });

const outOfMemory = (cause?: unknown): AppError =>
  new AppError('OUT_OF_MEMORY', 'The HNSW index needs more memory than WebAssembly has.', {
    fix: 'Use the exact search with 8-bit vectors, or build the index with f16.',
    ...(cause !== undefined && { cause }),
  });
