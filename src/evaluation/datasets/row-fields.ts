/** Fields of a row that comes from outside: of the kind that is expected, or absent. */
import type { EvaluationQuestion } from '../evaluation-types';

/** A question as its file has it. */
export interface ParsedQuestion extends Omit<EvaluationQuestion, 'dataset'> {
  /** Which of several sets in the file. */
  part?: string;
}

export type Row = Readonly<Record<string, unknown>>;

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (row: Row, name: string): unknown => (Object.hasOwn(row, name) ? row[name] : undefined);

/** The first of the fields that is a text or a number and not empty. */
export function textOf(row: Row, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = own(row, name);
    const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
    if (typeof text === 'string' && text.trim() !== '') return text;
  }
  return undefined;
}

/** The first of the fields that holds texts: a list of them, one alone, or a list written as JSON. */
export function textsOf(row: Row, ...names: string[]): string[] | undefined {
  for (const name of names) {
    const texts = asTexts(own(row, name));
    if (texts.length > 0) return texts;
  }
  return undefined;
}

function asTexts(value: unknown): string[] {
  if (Array.isArray(value)) {
    return [
      ...new Set(
        value.flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : [])),
      ),
    ].filter((one) => one.trim() !== '');
  }
  if (typeof value === 'number' && Number.isFinite(value)) return [String(value)];
  if (typeof value === 'boolean') return [value ? 'yes' : 'no'];
  if (typeof value !== 'string' || value.trim() === '') return [];
  if (!value.trim().startsWith('[')) return [value];
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) ? asTexts(list) : [value];
  } catch {
    return [value]; // A text that begins with a bracket.
  }
}

export function rowOf(row: Row, name: string): Row | undefined {
  const value = own(row, name);
  return isRow(value) ? value : undefined;
}

export function listOf(row: Row, name: string): unknown[] | undefined {
  const value = own(row, name);
  return Array.isArray(value) ? value : undefined;
}

/** A count of hops: a number, or the list of the steps. */
export function hopsOf(row: Row): number | undefined {
  const value = own(row, 'hops');
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  return Array.isArray(value) && value.length > 0 ? value.length : undefined;
}
