/** One stretch of an evaluation: from its start until it is done, stopped, or can go on no further. */
import type { Clock } from '../../protocol/clock';
import { throwIfAborted } from '../../protocol/errors';
import type { EvaluationStore } from '../../protocol/evaluation-store';
import type { EvaluationEvent, EvaluationRecord, QuestionResult } from '../evaluation-types';
import type { EvaluationLaboratory } from './laboratory';
import { openParts } from './open-parts';
import type { Unit } from './plan';
import { ProgressTally } from './progress';
import { runQuestion } from './run-question';
import { runUnits } from './run-units';
import { judgeWith, type SettledRule } from './score-question';

export interface Stretch {
  store: EvaluationStore;
  laboratory: EvaluationLaboratory;
  clock: Clock;
  random: () => number;
  now: () => string;
  record: EvaluationRecord;
  /** All there are. */
  units: readonly Unit[];
  /** Newest of each key. */
  results: ReadonlyMap<string, QuestionResult>;
  /** Those to run. */
  queue: Unit[];
  emit: (event: EvaluationEvent) => void;
  signal: AbortSignal;
}

/** Between two events of progress, in milliseconds. */
const PROGRESS_MS = 250;

/** `error`: why it ended early, `ABORTED` where it was stopped. What had finished by then is stored. */
export async function runStretch(
  stretch: Stretch,
): Promise<{ counts: { ok: number; failed: number }; error?: unknown }> {
  const { store, laboratory, clock, record, results, queue, emit, signal } = stretch;
  const { config } = record;
  const tally = new ProgressTally(stretch.units, results);
  const began = clock.now();
  let toldAt = -Infinity;
  const tell = (always = false): void => {
    const now = clock.now();
    if (!always && now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    emit({ type: 'progress', progress: tally.progress(now - began, queue) });
  };
  const counts = () => ({ ok: tally.ok, failed: tally.failed });
  if (queue.length === 0) return { counts: counts() };
  const rules = new Map(record.datasets.map(({ name, accuracy }): [string, SettledRule] => [name, accuracy]));
  try {
    const onLoading = (message: string, done?: number, total?: number): void =>
      emit({
        type: 'loading',
        message,
        ...(done !== undefined && { done }),
        ...(total !== undefined && { total }),
      });
    const opened = await openParts(config, laboratory, clock, onLoading, signal);
    const askJudge = opened.judge && judgeWith(opened.judge);
    tell(true);
    await runUnits(
      queue,
      {
        concurrency: config.limits.concurrency,
        run: (unit, inner) => {
          const parts = opened.systems.get(unit.of.label);
          if (!parts) throw new Error(`no parts for ${unit.of.label}`);
          const attempt = (results.get(unit.key)?.attempt ?? 0) + 1;
          const rule = rules.get(unit.dataset) ?? 'span';
          const tools = { ...stretch, parts, rule, askJudge, limits: config.limits };
          return runQuestion(unit, attempt, tools, inner);
        },
        async store(unit, { result, trace }) {
          await store.append(record.id, { key: unit.key, result }, trace);
          tally.add(result);
          emit({ type: 'result', result });
        },
        onStart(unit) {
          tally.started(unit);
          tell();
        },
        onEnd({ key }) {
          tally.ended(key);
          tell();
        },
      },
      signal,
    );
    throwIfAborted(signal);
    return { counts: counts() };
  } catch (error) {
    return { counts: counts(), error };
  } finally {
    tell(true);
    await laboratory.close();
  }
}
