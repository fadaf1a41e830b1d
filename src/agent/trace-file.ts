/** Traces as files: out without loss, in with suspicion. */
import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import type { TraceDelta, TraceEvent, TraceFile } from '../protocol/trace';
import { isKnownEventType, traceEventSchema, traceFrameSchema } from './trace-schema';

/** 32 Mi characters: some hundred times what a run writes. */
export const MAX_TRACE_CHARACTERS = 32 * 1024 * 1024;
const MAX_DEPTH = 16;
const MAX_WARNINGS = 50;
const POLLUTING_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

export interface ImportedTrace {
  file: TraceFile;
  /** What was left out, in sentences. */
  warnings: string[];
}

/** The file of a run; deltas are not kept. */
export function traceFile(
  header: Omit<TraceFile, 'format' | 'version' | 'events'>,
  events: readonly (TraceEvent | TraceDelta)[],
): TraceFile {
  const kept = events.filter((event) => event.type !== 'delta');
  return { format: 's3-web/trace', version: 1, ...header, events: kept };
}

export function serialiseTrace(file: TraceFile): string {
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Reads a trace file. Events of unknown types are left out with a warning, since a newer version may have written them; a
 * malformed event of a known type refuses the file.
 * @throws AppError `BAD_INPUT` for anything that is not a sound trace, `UNSUPPORTED` for another version of the format.
 */
export function importTrace(json: string): ImportedTrace {
  if (json.length > MAX_TRACE_CHARACTERS) {
    throw refused(`The file has ${json.length} characters; at most ${MAX_TRACE_CHARACTERS} are read.`);
  }
  const parsed = parseJson(json);
  refuseUnsafe(parsed);
  refuseOtherVersions(parsed);
  const frame = v.safeParse(traceFrameSchema, parsed, { abortEarly: true });
  if (!frame.success) throw refused(describe(frame.issues[0], 'The file'));
  const { events: rawEvents, ...header } = frame.output;
  const warnings = new Warnings();
  const events = readEvents(rawEvents, warnings);
  return { file: { ...header, events: checkSelections(events, warnings) }, warnings: warnings.list };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json.replace(/^\ufeff/, '')) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refused(`The file is not JSON: ${reason}`, cause);
  }
}

/** Refuses keys that could reach an object's prototype wherever somebody copies them, and nesting beyond any trace's. */
function refuseUnsafe(root: unknown): void {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DEPTH) throw refused('The file is nested too deeply.');
    for (const [key, child] of Object.entries(value)) {
      if (POLLUTING_KEYS.has(key)) throw refused(`The file has a forbidden key, "${key}".`);
      open.push({ value: child, depth: depth + 1 });
    }
  }
}

function refuseOtherVersions(parsed: unknown): void {
  if (typeof parsed !== 'object' || parsed === null || !('format' in parsed) || !('version' in parsed))
    return;
  if (parsed.format !== 's3-web/trace' || typeof parsed.version !== 'number' || parsed.version === 1) return;
  throw new AppError('UNSUPPORTED', `The trace has version ${parsed.version}; this page reads version 1.`, {
    fix: 'Open it with the version of the page that wrote it.',
  });
}

function readEvents(raw: readonly unknown[], warnings: Warnings): TraceEvent[] {
  const events: TraceEvent[] = [];
  raw.forEach((value, index) => {
    const type = typeOf(value);
    if (type !== undefined && !isKnownEventType(type)) {
      warnings.add(`Event ${index + 1} has an unknown type, "${type.slice(0, 40)}", and was left out.`);
      return;
    }
    const result = v.safeParse(traceEventSchema, value, { abortEarly: true });
    if (!result.success) throw refused(describe(result.issues[0], `Event ${index + 1}`));
    events.push(result.output);
  });
  return events;
}

function typeOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  return typeof value.type === 'string' ? value.type : undefined;
}

/** A selection holds only what its window had shown, in a file as in a run. */
function checkSelections(events: readonly TraceEvent[], warnings: Warnings): TraceEvent[] {
  const shown = new Map<number, Map<number, string>>();
  return events.map((event) => {
    if (event.type === 'retrieved') {
      shown.set(event.turn, new Map(event.documents.map((d) => [d.number, d.passageId])));
    }
    if (event.type !== 'selected') return event;
    const window = shown.get(event.window);
    const numbers = event.numbers.filter((number) => window?.has(number));
    const passageIds = numbers.map((number) => window?.get(number) ?? '');
    if (numbers.length !== event.numbers.length) {
      warnings.add(`Turn ${event.turn} selects documents that were not shown; they were left out.`);
    }
    return { ...event, numbers, passageIds };
  });
}

class Warnings {
  readonly list: string[] = [];

  add(warning: string): void {
    if (this.list.length < MAX_WARNINGS) this.list.push(warning);
    else if (this.list.length === MAX_WARNINGS) this.list.push('More was left out in the same way.');
  }
}

function describe(issue: v.BaseIssue<unknown>, subject: string): string {
  const path = v.getDotPath(issue);
  return `${subject} is not a sound trace${path ? ` at "${path}"` : ''}: ${issue.message}`;
}

function refused(message: string, cause?: unknown): AppError {
  return new AppError('BAD_INPUT', message.slice(0, 500), {
    fix: 'Choose a trace that was exported by this page.',
    ...(cause !== undefined && { cause }),
  });
}
