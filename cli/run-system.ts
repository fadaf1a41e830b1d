import type { NaiveRagParts } from '../src/agent/naive-rag';
import { createNaiveRag } from '../src/agent/naive-rag';
import { createS3 } from '../src/agent/s3';
import { naiveRagSettings, s3Settings, settingsRecord, type S3Settings } from '../src/agent/settings';
import { traceFile } from '../src/agent/trace-file';
import { systemClock } from '../src/platform/clock';
import { AppError } from '../src/protocol/errors';
import type { LanguageModel } from '../src/protocol/language-model';
import type { Retriever } from '../src/protocol/retrieval';
import type { RunOptions, System } from '../src/protocol/system';
import type { SystemId, TraceDelta, TraceEvent, TraceFile } from '../src/protocol/trace';

export interface Laboratory {
  searcher: LanguageModel;
  generator: LanguageModel;
  retriever: Retriever;
  settings: Partial<S3Settings>;
}

export const systemIds = ['s3', 'naive-rag'] as const satisfies SystemId[];

export function createSystem(id: SystemId, { searcher, generator, retriever, settings }: Laboratory): System {
  const clock = (): number => systemClock.now();
  if (id === 's3') return createS3({ searcher, generator, retriever, settings, clock });
  const parts: NaiveRagParts = { generator, retriever, settings, clock };
  return createNaiveRag(parts);
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
  for await (const event of createSystem(id, laboratory).run(question, options)) {
    events.push(event);
    onEvent(event);
  }
  const settings = id === 's3' ? s3Settings(laboratory.settings) : naiveRagSettings(laboratory.settings);
  const header = { system: id, mode: settings.mode, settings: settingsRecord(settings), startedAt };
  return traceFile(header, events);
}

/** Throws what a failed run ended with. */
export function requireAnswer({ events }: TraceFile): string {
  for (const event of events) {
    if (event.type === 'failed') throw AppError.from(event.error);
    if (event.type === 'answered') return event.answer;
  }
  throw new AppError('INTERNAL', 'The run ended without an answer.');
}
