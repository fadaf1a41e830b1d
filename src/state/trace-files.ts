import { importTrace as read, serialiseTrace, traceFile } from '../agent/trace-file';
import type { SystemId, TraceEvent } from '../protocol/trace';
import type { RunSettings } from './settings';

export interface RecordedRun {
  system: SystemId;
  events: readonly TraceEvent[];
  settings: RunSettings | null;
  startedAt: string;
}

/** A run as a file to save. What an endpoint's address or key is stands in no setting, so it stands in no file. */
export function exportTrace(run: RecordedRun): { name: string; content: string } {
  const { system, events, settings, startedAt } = run;
  const file = traceFile(
    { system, mode: settings?.mode ?? 'paper', settings: { ...settings }, startedAt },
    events,
  );
  const stamp = startedAt.replace(/\D/g, '').slice(0, 14);
  return { name: `s3-web-${system}-${stamp || 'trace'}.json`, content: serialiseTrace(file) };
}

/** @throws AppError for anything that is not a sound trace. */
export function importTrace(text: string): RecordedRun & { warnings: string[] } {
  const { file, warnings } = read(text);
  return { system: file.system, events: file.events, settings: null, startedAt: file.startedAt, warnings };
}
