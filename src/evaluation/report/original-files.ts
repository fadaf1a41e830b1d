/**
 * The files of s3's scripts: `*_output_sequences.json`, result files (of which `rag_cache.json` is one) and stats files. Read and written
 * again they have the same bytes; fields that are not known here are kept.
 */
import { AppError } from '../../protocol/errors';
import {
  floatNumber,
  intNumber,
  JsonNumber,
  parseJsonText,
  PYTHON_STYLE,
  styleOf,
  writeJsonText,
  type JsonObject,
  type JsonStyle,
  type JsonValue,
} from './json-text';

export interface ResultEntry {
  /** Null where there was no context to answer from. */
  answer: string | null;
  /** GenAcc, or the judge's word. */
  score: number;
  em_score: number;
}

/** Data set → question → what was answered. */
export type ResultFile = Map<string, Map<string, ResultEntry>>;

export interface SequenceEntry {
  golden_answers: string[];
  context_with_info: string;
  response_str?: string;
}

/** Question → what was found. */
export type SequenceFile = Map<string, SequenceEntry>;

export interface SourceStats {
  total: number;
  correct: number;
  accuracy: number;
  no_context: number;
  em_correct: number;
  em_accuracy: number;
}

export interface StatsFile {
  timestamp: string;
  total_questions: number;
  processed_questions: number;
  data_source_stats: Map<string, SourceStats>;
  remaining_questions: number;
}

export type OriginalFile =
  | { kind: 'results'; file: ResultFile; raw: JsonValue; style: JsonStyle }
  | { kind: 'sequences'; file: SequenceFile; raw: JsonValue; style: JsonStyle }
  | { kind: 'stats'; file: StatsFile; raw: JsonValue; style: JsonStyle };

/** @throws AppError `BAD_INPUT` for anything that is none of the three */
export function readOriginalFile(text: string): OriginalFile {
  const raw = parseJsonText(text.replace(/^\ufeff/, ''));
  const style = styleOf(text);
  const stats = asStats(raw);
  if (stats) return { kind: 'stats', file: stats, raw, style };
  const sequences = asSequences(raw);
  if (sequences) return { kind: 'sequences', file: sequences, raw, style };
  const results = asResults(raw);
  if (results) return { kind: 'results', file: results, raw, style };
  throw new AppError(
    'BAD_INPUT',
    'This is neither a result, nor a stats, nor an output-sequences file of s3.',
    {
      fix: 'Choose a file that s3’s scripts or this program wrote.',
    },
  );
}

/** The same bytes. */
export const rewriteOriginalFile = ({ raw, style }: OriginalFile): string => writeJsonText(raw, style);

const objectOf = (value: JsonValue | undefined): JsonObject | undefined =>
  value instanceof Map ? value : undefined;
const textOf = (value: JsonValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** Python's booleans are its 0 and 1. */
function numberOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value instanceof JsonNumber && Number.isFinite(value.value) ? value.value : undefined;
}

/** Undefined where one of the entries is none. */
function entriesOf<T>(
  object: JsonObject | undefined,
  read: (value: JsonValue) => T | undefined,
): Map<string, T> | undefined {
  if (!object) return undefined;
  const entries = new Map<string, T>();
  for (const [name, value] of object) {
    const entry = read(value);
    if (entry === undefined) return undefined;
    entries.set(name, entry);
  }
  return entries;
}

const asResults = (raw: JsonValue): ResultFile | undefined =>
  entriesOf(objectOf(raw), (questions) =>
    entriesOf(objectOf(questions), (value): ResultEntry | undefined => {
      const entry = objectOf(value);
      const answer = entry?.get('answer');
      const score = numberOf(entry?.get('score'));
      if (score === undefined || (answer !== null && typeof answer !== 'string')) return undefined;
      return { answer, score, em_score: numberOf(entry?.get('em_score')) ?? 0 };
    }),
  );

const asSequences = (raw: JsonValue): SequenceFile | undefined => {
  const file = entriesOf(objectOf(raw), (value): SequenceEntry | undefined => {
    const entry = objectOf(value);
    const golds = entry?.get('golden_answers');
    const context = textOf(entry?.get('context_with_info'));
    const response = textOf(entry?.get('response_str'));
    const golden_answers = Array.isArray(golds)
      ? golds.flatMap((gold) => textOf(gold) ?? [])
      : [textOf(golds) ?? ''];
    if (golds === undefined || golds === null || context === undefined) return undefined;
    return {
      golden_answers,
      context_with_info: context,
      ...(response !== undefined && { response_str: response }),
    };
  });
  return file && file.size > 0 ? file : undefined;
};

function asStats(raw: JsonValue): StatsFile | undefined {
  const object = objectOf(raw);
  const sources = entriesOf(objectOf(object?.get('data_source_stats')), (value): SourceStats | undefined => {
    const entry = objectOf(value);
    const total = numberOf(entry?.get('total'));
    if (total === undefined) return undefined;
    const count = (name: string): number => numberOf(entry?.get(name)) ?? 0;
    return {
      total,
      correct: count('correct'),
      accuracy: count('accuracy'),
      no_context: count('no_context'),
      em_correct: count('em_correct'),
      em_accuracy: count('em_accuracy'),
    };
  });
  if (!sources) return undefined;
  return {
    timestamp: textOf(object?.get('timestamp')) ?? '',
    total_questions: numberOf(object?.get('total_questions')) ?? 0,
    processed_questions: numberOf(object?.get('processed_questions')) ?? 0,
    data_source_stats: sources,
    remaining_questions: numberOf(object?.get('remaining_questions')) ?? 0,
  };
}

/** In the form of Python's `json.dump(…, indent=4)`. */
export const writeResultFile = (file: ResultFile): string =>
  writeJsonText(
    mapped(file, (questions) =>
      mapped(questions, ({ answer, score, em_score }) =>
        object([
          ['answer', answer],
          ['score', intNumber(score)],
          ['em_score', intNumber(em_score)],
        ]),
      ),
    ),
    PYTHON_STYLE,
  );

export const writeSequenceFile = (file: SequenceFile): string =>
  writeJsonText(
    mapped(file, ({ golden_answers, context_with_info, response_str }) =>
      object([
        ['golden_answers', golden_answers],
        ['context_with_info', context_with_info],
        ...(response_str === undefined ? [] : ([['response_str', response_str]] as const)),
      ]),
    ),
    PYTHON_STYLE,
  );

export const writeStatsFile = (file: StatsFile): string =>
  writeJsonText(
    object([
      ['timestamp', file.timestamp],
      ['total_questions', intNumber(file.total_questions)],
      ['processed_questions', intNumber(file.processed_questions)],
      [
        'data_source_stats',
        mapped(file.data_source_stats, (stats) =>
          object([
            ['total', intNumber(stats.total)],
            ['correct', intNumber(stats.correct)],
            ['accuracy', floatNumber(stats.accuracy)],
            ['no_context', intNumber(stats.no_context)],
            ['em_correct', intNumber(stats.em_correct)],
            ['em_accuracy', floatNumber(stats.em_accuracy)],
          ]),
        ),
      ],
      ['remaining_questions', intNumber(file.remaining_questions)],
    ]),
    PYTHON_STYLE,
  );

const object = (entries: readonly (readonly [string, JsonValue])[]): JsonObject => new Map(entries);
const mapped = <T>(map: ReadonlyMap<string, T>, of: (value: T) => JsonValue): JsonObject =>
  new Map([...map].map(([name, value]) => [name, of(value)]));
