import type { S3Settings } from '../src/agent/settings';
import { makeSystem, type SystemSettings } from '../src/agent/systems';
import { traceFile } from '../src/agent/trace-file';
import { systemClock } from '../src/platform/clock';
import { AppError } from '../src/protocol/errors';
import type { LanguageModel } from '../src/protocol/language-model';
import type { Retriever } from '../src/protocol/retrieval';
import type { RunOptions } from '../src/protocol/system';
import type { SystemId, TraceDelta, TraceEvent, TraceFile } from '../src/protocol/trace';

export interface Laboratory {
  searcher: LanguageModel;
  generator: LanguageModel;
  retriever: Retriever;
  /** For the systems that search by words whatever the others do. */
  bm25?: Retriever;
  settings: Partial<S3Settings>;
  systems?: SystemSettings;
}

/** Runs one question to its end and returns its trace; events are handed out as they come. */
export async function runTrace(
  id: SystemId,
  laboratory: Laboratory,
  question: string,
  options: RunOptions,
  onEvent: (event: TraceEvent | TraceDelta) => void = () => undefined,
): Promise<TraceFile> {
  const startedAt = new Date().toISOString();
  const events: (TraceEvent | TraceDelta)[] = [];
  const { system, mode, settings } = makeSystem(id, { ...laboratory, clock: () => systemClock.now() });
  for await (const event of system.run(question, options)) {
    events.push(event);
    onEvent(event);
  }
  return traceFile({ system: id, mode, settings, startedAt }, events);
}

/** Throws what a failed run ended with. */
export function requireAnswer({ events }: TraceFile): string {
  for (const event of events) {
    if (event.type === 'failed') throw AppError.from(event.error);
    if (event.type === 'answered') return event.answer;
  }
  throw new AppError('INTERNAL', 'The run ended without an answer.');
}
