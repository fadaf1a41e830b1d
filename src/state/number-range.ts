/** Numbers as people type them into a field. */
export interface NumberRange {
  low: number;
  high: number;
  /** Whether 2.5 is no number here. */
  whole?: boolean;
  /** Whether nothing may be typed. */
  mayBeEmpty?: boolean;
}

/** Null for an empty field that may be empty, undefined for what it does not take. A comma is a point. */
export function readNumber(
  text: string,
  { low, high, whole = false, mayBeEmpty = false }: NumberRange,
): number | null | undefined {
  const typed = text.trim().replace(',', '.').replace('−', '-');
  if (typed === '') return mayBeEmpty ? null : undefined;
  const isNumber = whole ? /^-?\d{1,12}$/.test(typed) : /^-?(\d{1,12}\.?\d{0,9}|\.\d{1,9})$/.test(typed);
  const value = isNumber ? Number(typed) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}
