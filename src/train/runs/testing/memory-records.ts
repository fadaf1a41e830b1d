import type { RunRecord, StepRecord } from '../../records';
import type { RunRecords } from '../run-parts';

/** Records in memory, copied on their way in and out as a database does. */
export class MemoryRecords implements RunRecords {
  constructor(
    readonly runs = new Map<string, RunRecord>(),
    readonly stepRecords = new Map<string, Map<number, StepRecord>>(),
  ) {}

  list(): Promise<RunRecord[]> {
    return Promise.resolve([...this.runs.values()].map((record) => structuredClone(record)));
  }

  get(run: string): Promise<RunRecord | undefined> {
    return Promise.resolve(structuredClone(this.runs.get(run)));
  }

  put(record: RunRecord): Promise<void> {
    this.runs.set(record.id, structuredClone(record));
    return Promise.resolve();
  }

  remove(run: string): Promise<void> {
    this.runs.delete(run);
    this.stepRecords.delete(run);
    return Promise.resolve();
  }

  putStep(run: string, step: StepRecord): Promise<void> {
    this.#of(run).set(step.step, structuredClone(step));
    return Promise.resolve();
  }

  steps(run: string, from: number) {
    const all = [...this.#of(run).values()].filter(({ step }) => step >= from);
    return Promise.resolve(all.map(({ step, at, metrics }) => ({ step, at, metrics: { ...metrics } })));
  }

  step(run: string, step: number): Promise<StepRecord | undefined> {
    return Promise.resolve(structuredClone(this.#of(run).get(step)));
  }

  dropSteps(run: string, after: number): Promise<void> {
    for (const step of [...this.#of(run).keys()]) if (step > after) this.#of(run).delete(step);
    return Promise.resolve();
  }

  #of(run: string): Map<number, StepRecord> {
    const steps = this.stepRecords.get(run) ?? new Map<number, StepRecord>();
    this.stepRecords.set(run, steps);
    return steps;
  }
}
