import type { Passage } from '../protocol/retrieval';

/** `contents` of the s3 and Search-R1 corpora: the quoted title, a line break, the text (`spec` of `index_builder.py`). */
export const toContents = ({ title, text }: Pick<Passage, 'title' | 'text'>): string => `"${title}"\n${text}`;

/** What BM25 indexes: Anserini's flat form, title and text as one field. */
export const toIndexedText = ({ title, text }: Pick<Passage, 'title' | 'text'>): string =>
  `${title}\n${text}`;

/** Splits `contents` again. Without a quoted first line the first line is the title, as s3 reads it. */
export function fromContents(contents: string): { title: string; text: string } {
  const end = contents.indexOf('\n');
  if (end < 0) return { title: '', text: contents.trim() };
  const first = contents.slice(0, end).trim();
  const quoted = /^"(.*)"$/s.exec(first);
  return { title: quoted?.[1] ?? first, text: contents.slice(end + 1).trim() };
}

/** Passages by row; arrays are such lists. */
export interface PassageList {
  readonly length: number;
  at(row: number): Passage | undefined;
}

/** Passages that may have to be read before they are there. */
export interface FetchedPassages {
  readonly length: number;
  /** By row; rows that are not there are left out, or refused. */
  fetch(rows: Iterable<number>, signal?: AbortSignal): Promise<ReadonlyMap<number, Passage>>;
}

export type PassageSource = PassageList | FetchedPassages;

/** The same of both. */
export async function passagesAt(
  source: PassageSource,
  rows: Iterable<number>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, Passage>> {
  if ('fetch' in source) return source.fetch(rows, signal);
  const found = new Map<number, Passage>();
  for (const row of rows) {
    const passage = source.at(row);
    if (passage) found.set(row, passage);
  }
  return found;
}
