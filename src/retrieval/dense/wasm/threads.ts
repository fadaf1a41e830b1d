/** Threads that scan a shared memory together with the one that owns the index. */
import { AppError, toEnvelope, type ErrorEnvelope } from '../../../protocol/errors';
import type { TopK } from '../../top-k';
import type { ScanLayout } from './layout';
import { Scanner, type Stretch } from './scanner';

/** A worker of the browser or of Node, as far as it is needed here. */
export interface ScanThread {
  post(message: ScanRequest): void;
  listen(onAnswer: (answer: ScanAnswer) => void, onFailure: (error: unknown) => void): void;
  terminate(): void;
}

export type ScanRequest =
  | { kind: 'open'; index: number; module: WebAssembly.Module; layout: ScanLayout; thread: number }
  | { kind: 'close'; index: number }
  | {
      kind: 'search';
      id: number;
      index: number;
      queries: readonly Float32Array[];
      topK: number;
      stretch: Stretch;
    };

export type ScanAnswer = { id: number; found: TopK[] } | { id: number; error: ErrorEnvelope };

/** What runs in the thread: gives an answer to every search. */
export function scanServer(answer: (answer: ScanAnswer) => void): (request: ScanRequest) => Promise<void> {
  const scanners = new Map<number, Scanner>();
  return async (request) => {
    if (request.kind === 'open') {
      scanners.set(request.index, new Scanner(request.module, request.layout, request.thread));
    } else if (request.kind === 'close') {
      scanners.delete(request.index);
    } else {
      const { id, index, queries, topK, stretch } = request;
      try {
        const scanner = scanners.get(index);
        if (!scanner) throw new AppError('INTERNAL', 'The index of this search is not open.');
        answer({ id, found: await scanner.search(queries, topK, stretch) });
      } catch (error) {
        answer({ id, error: toEnvelope(error) });
      }
    }
  };
}

interface Waiting {
  thread: number;
  resolve: (found: TopK[]) => void;
  reject: (error: unknown) => void;
}

/** The threads of one page; all indexes share them. */
export class ScanThreads {
  readonly #threads: readonly ScanThread[];
  readonly #waiting = new Map<number, Waiting>();
  #searches = 0;
  #indexes = 0;
  #failure: unknown;

  /** Of a thread that is gone; no search asks any of them again. */
  get failure(): unknown {
    return this.#failure;
  }

  constructor(threads: readonly ScanThread[]) {
    this.#threads = threads;
    threads.forEach((thread, at) => {
      thread.listen(
        (answer) => this.#settle(answer),
        (error) => this.#fail(at, error),
      );
    });
  }

  get size(): number {
    return this.#threads.length;
  }

  open(module: WebAssembly.Module, layout: ScanLayout): number {
    const index = (this.#indexes += 1);
    this.#threads.forEach((thread, at) =>
      thread.post({ kind: 'open', index, module, layout, thread: at + 1 }),
    );
    return index;
  }

  close(index: number): void {
    for (const thread of this.#threads) thread.post({ kind: 'close', index });
  }

  search(
    index: number,
    at: number,
    queries: readonly Float32Array[],
    topK: number,
    stretch: Stretch,
  ): Promise<TopK[]> {
    const thread = this.#threads[at];
    if (!thread || this.#failure !== undefined) {
      return Promise.reject(failed(this.#failure));
    }
    const id = (this.#searches += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { thread: at, resolve, reject });
      thread.post({ kind: 'search', id, index, queries, topK, stretch });
    });
  }

  dispose(): void {
    for (const thread of this.#threads) thread.terminate();
    for (const { reject } of this.#waiting.values()) {
      reject(new AppError('ABORTED', 'The search was closed.', { recoverable: true }));
    }
    this.#waiting.clear();
  }

  #settle(answer: ScanAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('found' in answer) waiting?.resolve(answer.found);
    else waiting?.reject(AppError.from(answer.error));
  }

  #fail(thread: number, error: unknown): void {
    this.#failure = error;
    for (const [id, waiting] of this.#waiting) {
      if (waiting.thread !== thread) continue;
      this.#waiting.delete(id);
      waiting.reject(failed(error));
    }
  }
}

const failed = (cause: unknown): AppError =>
  new AppError('INTERNAL', 'A thread of the search has failed.', { fix: 'Reload the page.', cause });
