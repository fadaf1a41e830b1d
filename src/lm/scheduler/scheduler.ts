/**
 * Continuous batching: generations that are past their prompt decode together, one row each in a common step. One job at a time (a
 * newcomer's prompt, a scoring) does its work before them, for a step that takes more rows costs little more; but they wait no longer
 * than their patience for a step. Jobs begin in the order they came.
 */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { SampledToken } from '../sampling';
import { Generation } from './generation';
import type { Job } from './job';
import type { Pace } from './pace';
import type { Slots } from './slots';

const PATIENCE_MS = 300;

export interface SchedulerParts {
  slots: Slots;
  pace: Pace;
  /** Positions of a slot. */
  capacity: number;
  /** How long text under way may stand still for others' prompts. Default 300. */
  patienceMs?: number | undefined;
  /** Computes `steps` tokens for every row; of each step, the rows' tokens in order. */
  decode: (rows: readonly Generation[], steps: number) => Promise<SampledToken[][]>;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  #waiting: Job[] = [];
  /** The job whose turn it is beside the decode steps. */
  #current: Job | undefined;
  #decoding: Generation[] = [];
  #decodedAt = -Infinity;
  #running = false;
  #disposed = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  add(job: Job): void {
    if (this.#disposed) {
      job.fail(unloaded());
      return;
    }
    this.#waiting.push(job);
    if (!this.#running) void this.#work();
  }

  /** Ends every job with an error. */
  dispose(): void {
    this.#disposed = true;
    const jobs = [...this.#waiting, ...(this.#current ? [this.#current] : []), ...this.#decoding];
    this.#waiting = [];
    this.#current = undefined;
    this.#decoding = [];
    for (const job of jobs) job.fail(unloaded());
  }

  async #work(): Promise<void> {
    this.#running = true;
    // Calls made in the same turn of the event loop join the same first step.
    await Promise.resolve();
    while (this.#decoding.length > 0 || this.#current || this.#waiting.length > 0) {
      this.#dropAborted();
      this.#admit();
      if (!this.#current || this.#isPatienceOver()) await this.#decode();
      await this.#advance();
    }
    this.#running = false;
  }

  #isPatienceOver(): boolean {
    return performance.now() - this.#decodedAt >= (this.#parts.patienceMs ?? PATIENCE_MS);
  }

  #dropAborted(): void {
    const alive = (job: Job): boolean => {
      try {
        throwIfAborted(job.signal);
        return true;
      } catch (error) {
        job.fail(error);
        return false;
      }
    };
    this.#waiting = this.#waiting.filter(alive);
    this.#decoding = this.#decoding.filter(alive);
    if (this.#current && !alive(this.#current)) this.#current = undefined;
  }

  #admit(): void {
    const [next] = this.#waiting;
    if (this.#current || !next) return;
    if (next.start(this.#parts.slots)) this.#current = next;
    else if (this.#decoding.length > 0) return;
    else next.fail(new AppError('INTERNAL', 'The cache has no place although nothing is computed.'));
    this.#waiting.shift();
  }

  async #advance(): Promise<void> {
    const job = this.#current;
    if (!job) return;
    try {
      const outcome = await job.advance();
      // Disposed of meanwhile: the job has been told.
      if (this.#current !== job || outcome === 'more') return;
      this.#current = undefined;
      if (outcome === 'decode' && job instanceof Generation) this.#decoding.push(job);
    } catch (error) {
      job.fail(error);
      if (this.#current === job) this.#current = undefined;
    }
  }

  /**
   * One submit for each adapter: the rows of a step share their weights. The next one waits for the tokens of the last: submitted ahead, it
   * would be computed in vain at every end, and hold up whoever comes next, to save the gap between submits of many steps, which is small.
   */
  async #decode(): Promise<void> {
    const adapters = new Set(this.#decoding.map(({ slot }) => slot.adapter));
    for (const adapter of adapters) {
      await this.#decodeTogether(this.#decoding.filter(({ slot }) => slot.adapter === adapter));
    }
    this.#decodedAt = performance.now();
  }

  async #decodeTogether(rows: readonly Generation[]): Promise<void> {
    if (rows.length === 0) return;
    const steps = this.#stepCount(rows);
    const started = performance.now();
    try {
      const results = await this.#parts.decode(rows, steps);
      this.#parts.pace.recordSteps(rows.length, steps, performance.now() - started);
      if (this.#disposed) return;
      const ended = rows.filter((generation, row) => take(generation, row, results));
      this.#decoding = this.#decoding.filter((generation) => !ended.includes(generation));
    } catch (error) {
      for (const generation of rows) generation.fail(error);
      this.#decoding = this.#decoding.filter((generation) => !rows.includes(generation));
    }
  }

  /** One at a time while somebody waits; never more than are still wanted, nor than the fullest slot has room for. */
  #stepCount(rows: readonly Generation[]): number {
    if (this.#current || this.#waiting.length > 0) return 1;
    const wanted = Math.max(...rows.map(({ remaining }) => remaining));
    const room = Math.min(...rows.map(({ slot }) => this.#parts.capacity - slot.tokens.length));
    return Math.max(1, Math.min(this.#parts.pace.steps(rows.length), wanted, room));
  }
}

/** Gives a generation its tokens, until it ends; what was computed beyond that is forgotten. */
function take(generation: Generation, row: number, results: readonly SampledToken[][]): boolean {
  for (const step of results) {
    const sampled = step[row];
    if (!sampled || generation.signal?.aborted) return false;
    generation.slot.tokens.push(generation.next);
    if (generation.accept(sampled)) return true;
  }
  return false;
}

const unloaded = (): AppError => new AppError('INTERNAL', 'The model has been unloaded.');
