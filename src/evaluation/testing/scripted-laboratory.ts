/** A laboratory of scripted parts and a store in memory, for tests. */
import { passage, ScriptedModel, ScriptedRetriever } from '../../agent/testing/scripted';
import type { Clock } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type { EvaluationStore, StoredResult } from '../../protocol/evaluation-store';
import type { LanguageModel } from '../../protocol/language-model';
import type { SourceFile } from '../datasets/source-file';
import { createEvaluations } from '../runner/evaluation-service';
import type { EvaluationLaboratory } from '../runner/laboratory';

export const textFile = (path: string, text: string): SourceFile => ({
  path,
  read: () => Promise.resolve(new TextEncoder().encode(text)),
});

export const jsonLines = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** `q0?` … with the answer `a0` …, whose passage is `p0` …. */
export const numberedQuestions = (count: number): string =>
  jsonLines(
    Array.from({ length: count }, (_, i) => ({
      id: `q${i}`,
      question: `Which is number ${i}?`,
      answers: [`answer ${i}`],
      gold: [`p${i}`],
      hops: (i % 3) + 1,
    })),
  );

/** Finds `p12` for whatever names a 12, and others behind it. */
export const numberedRetriever = (): ScriptedRetriever =>
  new ScriptedRetriever((query, topK) => {
    const number = /\d+/.exec(query)?.[0] ?? 'none';
    return Array.from({ length: topK }, (_, i) => passage(i === 0 ? `p${number}` : `other${number}-${i}`));
  });

/** Answers `answer 12` to a question that names a 12; ends every search at once. */
export const knowingModel = (answer = (number: string): string => `answer ${number}`): ScriptedModel =>
  new ScriptedModel((request) => {
    const last = request.messages?.at(-1)?.content ?? '';
    if (last.includes('<question>')) return '<search_complete>True</search_complete>';
    return answer(/\d+/.exec(last)?.[0] ?? '');
  });

export interface ScriptedParts {
  models?: Record<string, LanguageModel>;
  sources?: Record<string, SourceFile[]>;
}

export function scriptedLaboratory({ models = {}, sources = {} }: ScriptedParts = {}): EvaluationLaboratory {
  const known = new Map(Object.entries(models));
  return {
    openModel: (reference) => {
      const model = known.get(reference) ?? (reference === 'demo' ? knowingModel() : undefined);
      if (model) return Promise.resolve({ model, local: true });
      return Promise.reject(
        new AppError('NOT_FOUND', `There is no model ${reference}.`, { fix: 'Choose another.' }),
      );
    },
    openRetrievers: () => {
      const retriever = numberedRetriever();
      return Promise.resolve({ name: 'scripted', mode: 'bm25', retriever, bm25: retriever });
    },
    openSource: (source) => {
      const files = sources[source];
      if (files) return Promise.resolve(files);
      return Promise.reject(new AppError('NOT_FOUND', `There is no ${source}.`, { fix: 'Check it.' }));
    },
    close: () => Promise.resolve(),
  };
}

export class MemoryEvaluationStore implements EvaluationStore {
  readonly #records = new Map<string, { record: unknown; questions: readonly unknown[] }>();
  readonly #results = new Map<string, (StoredResult & { trace: unknown })[]>();
  readonly #locked = new Set<string>();

  list(): Promise<{ id: string; record: unknown }[]> {
    return Promise.resolve(
      [...this.#records].map(([id, { record }]) => ({ id, record: structuredClone(record) })),
    );
  }

  async record(id: string): Promise<unknown> {
    await Promise.resolve();
    return structuredClone(this.#find(id).record);
  }

  async create(id: string, record: unknown, questions: readonly unknown[]): Promise<void> {
    await Promise.resolve();
    this.#records.set(id, structuredClone({ record, questions }));
    this.#results.set(id, []);
  }

  async saveRecord(id: string, record: unknown): Promise<void> {
    await Promise.resolve();
    this.#records.set(id, { ...this.#find(id), record: structuredClone(record) });
  }

  async questions(id: string): Promise<unknown[]> {
    await Promise.resolve();
    return structuredClone([...this.#find(id).questions]);
  }

  async append(id: string, stored: StoredResult, trace: unknown): Promise<void> {
    await Promise.resolve();
    this.#results.get(id)?.push(structuredClone({ ...stored, trace }));
  }

  results(id: string): Promise<StoredResult[]> {
    return Promise.resolve(structuredClone(this.#results.get(id) ?? []));
  }

  trace(id: string, key: string): Promise<unknown> {
    return Promise.resolve(this.#results.get(id)?.findLast((one) => one.key === key)?.trace ?? null);
  }

  remove(id: string): Promise<void> {
    this.#records.delete(id);
    this.#results.delete(id);
    return Promise.resolve();
  }

  async exclusively(id: string, work: () => Promise<void>): Promise<boolean> {
    if (this.#locked.has(id)) return false;
    this.#locked.add(id);
    try {
      await work();
    } finally {
      this.#locked.delete(id);
    }
    return true;
  }

  #find(id: string): { record: unknown; questions: readonly unknown[] } {
    const found = this.#records.get(id);
    if (found) return found;
    throw new AppError('NOT_FOUND', `There is no evaluation ${id}.`, { fix: 'Choose another.' });
  }
}

/** Time that passes only while somebody sleeps, at once. */
export function sleepingClock(): Clock & { sleptMs: number } {
  const clock = {
    sleptMs: 0,
    now: () => performance.now() + clock.sleptMs,
    async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      // Others get their turn as they would in real time.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (signal?.aborted) throw new AppError('ABORTED', 'Stopped.', { recoverable: true });
      clock.sleptMs += ms;
    },
  };
  return clock;
}

/** A service over these parts. */
export function scriptedEvaluations(
  parts: ScriptedParts & { laboratory?: EvaluationLaboratory; store?: EvaluationStore; clock?: Clock },
) {
  let ids = 0;
  const store = parts.store ?? new MemoryEvaluationStore();
  const evaluations = createEvaluations({
    store,
    laboratory: parts.laboratory ?? scriptedLaboratory(parts),
    clock: parts.clock ?? sleepingClock(),
    random: () => 0.5,
    now: () => '2026-01-02T03:04:05.000Z',
    newId: () => `e${++ids}`,
  });
  return { evaluations, store };
}
