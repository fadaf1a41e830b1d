/** Evaluations: created, run, stopped, resumed, watched. What they need of the world is handed in. */
import type { Clock } from '../../protocol/clock';
import { AppError, isAbort, toEnvelope } from '../../protocol/errors';
import type { EvaluationStore } from '../../protocol/evaluation-store';
import { importTrace } from '../../agent/trace-file';
import { readEvaluationConfig } from '../config';
import { loadDatasets, type LoadedDatasets } from '../datasets/load-datasets';
import {
  resultKeyText,
  type EvaluationApi,
  type EvaluationConfig,
  type EvaluationEvent,
  type EvaluationRecord,
  type HandedFile,
} from '../evaluation-types';
import { exportEvaluation } from '../report/export';
import { importEvaluation } from '../report/import';
import { buildReport } from '../report/report-table';
import { readQuestion, readRecord, readResult } from '../result-schema';
import { EventHub } from './event-hub';
import { estimateEvaluation } from './estimate';
import { filterResults } from './filter-results';
import type { EvaluationLaboratory } from './laboratory';
import { newestResults, planUnits, remainingUnits } from './plan';
import { runStretch } from './run-stretch';

export interface EvaluationParts {
  store: EvaluationStore;
  laboratory: EvaluationLaboratory;
  clock: Clock;
  /** Uniform in [0, 1), for waits between tries. */
  random: () => number;
  /** ISO 8601. */
  now: () => string;
  newId: () => string;
}

interface Running {
  done: Promise<EvaluationRecord>;
  controller: AbortController;
}

export function createEvaluations(parts: EvaluationParts): EvaluationApi {
  const { store, laboratory } = parts;
  const running = new Map<string, Running>();
  const hubs = new Map<string, EventHub>();
  const hubOf = (id: string): EventHub => {
    let hub = hubs.get(id);
    if (!hub) hubs.set(id, (hub = new EventHub()));
    return hub;
  };

  const newest = async (id: string) =>
    newestResults((await store.results(id)).map(({ result }) => readResult(result)));
  const questionsOf = async (id: string) => (await store.questions(id)).map(readQuestion);

  async function save(record: EvaluationRecord): Promise<EvaluationRecord> {
    const saved = { ...record, updatedAt: parts.now() };
    await store.saveRecord(saved.id, saved);
    hubOf(saved.id).emit({ type: 'status', record: saved });
    return saved;
  }

  /** A record that says "running" while nobody runs it was left by a crash: it is counted anew. */
  async function settled(record: EvaluationRecord): Promise<EvaluationRecord> {
    if (record.status !== 'running' || running.has(record.id)) return record;
    let mended = record;
    await store.exclusively(record.id, async () => {
      const results = [...(await newest(record.id)).values()];
      const ok = results.filter(({ status }) => status === 'ok').length;
      mended = await save({ ...record, status: 'stopped', ok, failed: results.length - ok });
    });
    return mended;
  }

  const get = async (id: string): Promise<EvaluationRecord> => settled(readRecord(await store.record(id)));

  function load(
    config: EvaluationConfig,
    files: readonly HandedFile[],
    signal?: AbortSignal,
  ): Promise<LoadedDatasets> {
    return loadDatasets(config, ({ source }) => laboratory.openSource(source, files, signal), signal);
  }

  function begin(id: string, what: 'unrun' | 'failed'): Promise<EvaluationRecord> {
    const already = running.get(id);
    if (already) return already.done;
    const [other] = running.keys();
    if (other !== undefined) return refused(other);
    const controller = new AbortController();
    const done = run(id, what, controller.signal).finally(() => running.delete(id));
    running.set(id, { done, controller });
    return done;
  }

  /** One at a time: the models of another may not fit beside those of the first, and what a run has opened is closed at its end. */
  async function refused(other: string): Promise<never> {
    const { config } = readRecord(await store.record(other));
    throw new AppError('BUSY', `“${config.name}” is under way here.`, {
      fix: 'Wait until it is finished, or stop it, then start this one.',
      recoverable: true,
    });
  }

  async function run(id: string, what: 'unrun' | 'failed', signal: AbortSignal): Promise<EvaluationRecord> {
    let record = readRecord(await store.record(id));
    if (record.imported) {
      throw new AppError('BAD_INPUT', `“${record.config.name}” comes from a file and cannot be run.`, {
        fix: 'Create an evaluation with the same configuration.',
      });
    }
    const ran = await store.exclusively(id, async () => {
      const units = planUnits(record.config.systems, await questionsOf(id), record.config.seeds);
      const results = await newest(id);
      const queue = remainingUnits(units, results, what);
      const began = parts.clock.now();
      const before = record.runningMs;
      const emit = (event: EvaluationEvent): void => hubOf(id).emit(event);
      const { error: _past, ...rest } = record;
      record = await save({ ...rest, status: 'running' });
      const { counts, error } = await runStretch({ ...parts, record, units, results, queue, emit, signal });
      const stopped = error !== undefined && isAbort(error);
      const complete = counts.ok + counts.failed >= record.planned;
      record = await save({
        ...record,
        ...counts,
        status: error !== undefined && !stopped ? 'failed' : complete ? 'finished' : 'stopped',
        runningMs: before + (parts.clock.now() - began),
        ...(error !== undefined && !stopped && { error: toEnvelope(error) }),
      });
    });
    if (ran) return record;
    throw new AppError('BUSY', `“${record.config.name}” runs in another tab or process.`, {
      fix: 'Stop it there first.',
      recoverable: true,
    });
  }

  async function stop(id: string): Promise<EvaluationRecord> {
    const now = running.get(id);
    if (!now) return get(id);
    now.controller.abort();
    return now.done;
  }

  return {
    async list() {
      const records = (await store.list()).map(({ record }) => readRecord(record));
      return Promise.all(records.map(settled));
    },
    get,

    async create(json, files = [], signal) {
      const config = readEvaluationConfig(json);
      const { datasets, questions } = await load(config, files, signal);
      const id = parts.newId();
      const at = parts.now();
      const record: EvaluationRecord = {
        ...{ id, config, createdAt: at, updatedAt: at, status: 'ready', datasets },
        planned: questions.length * config.systems.length * config.seeds.length,
        ...{ ok: 0, failed: 0, runningMs: 0 },
      };
      await store.create(id, record, questions);
      return record;
    },

    async estimate(json, files = [], signal) {
      const config = readEvaluationConfig(json);
      const { questions } = await load(config, files, signal);
      return estimateEvaluation(config, questions.length);
    },

    start: (id) => begin(id, 'unrun'),
    retryFailed: (id) => begin(id, 'failed'),
    stop,

    watch: (id, signal) => hubOf(id).watch(async () => ({ type: 'status', record: await get(id) }), signal),

    async rename(id, name) {
      const title = name.trim();
      if (title === '') throw new AppError('BAD_INPUT', 'An evaluation needs a name.', { fix: 'Type one.' });
      if (running.has(id)) {
        throw new AppError('BUSY', 'The evaluation is running.', {
          fix: 'Stop it first.',
          recoverable: true,
        });
      }
      const record = await get(id);
      return save({ ...record, config: { ...record.config, name: title.slice(0, 80) } });
    },

    async remove(id) {
      await stop(id).catch(() => undefined); // What is damaged can be removed as well.
      await store.remove(id);
    },

    questions: questionsOf,

    async results(id, filter = {}) {
      const labels = (await get(id)).config.systems.map(({ label }) => label);
      return filterResults(labels, await questionsOf(id), [...(await newest(id)).values()], filter);
    },

    async trace(id, key) {
      const trace = await store.trace(id, resultKeyText(key));
      return trace === null ? null : importTrace(JSON.stringify(trace)).file;
    },

    async report(id) {
      const record = await get(id);
      return buildReport(record, await questionsOf(id), [...(await newest(id)).values()], parts.now());
    },

    async export(id, format, system) {
      const record = await get(id);
      const results = [...(await newest(id)).values()];
      const questions = await questionsOf(id);
      const trace = async (key: string) => {
        const stored = await store.trace(id, key);
        return stored === null ? null : importTrace(JSON.stringify(stored)).file;
      };
      return exportEvaluation({ record, questions, results, trace, now: parts.now }, format, system);
    },

    async import(name, files) {
      const id = parts.newId();
      const at = parts.now();
      const { record, questions, entries } = importEvaluation(name, files, { id, at });
      await store.create(id, record, questions);
      for (const { result, trace } of entries) {
        await store.append(id, { key: resultKeyText(result), result }, trace);
      }
      return record;
    },
  };
}
