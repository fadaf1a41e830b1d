/**
 * A row of JSONL, a table or Parquet as a passage. Known are, by their fields:
 * wiki-18 and FlashRAG's corpora (`id, contents`: quoted title, line break, text), DPR's psgs_w100.tsv (`id, text, title`), MedCorp
 * (`id, title, content, contents`), BEIR (`_id, title, text, metadata`), and `id, title, text` under the names that are usual.
 */
import { AppError } from '../../protocol/errors';
import type { CorpusLayout } from '../../protocol/corpus';
import type { Passage } from '../../protocol/retrieval';
import { fromContents } from '../passage-text';

export type Row = Readonly<Record<string, unknown>>;

export interface RowPlace {
  file: string;
  /** From 1. */
  line: number;
}

export const rowError = ({ file, line }: RowPlace, what: string, fix: string, cause?: unknown): AppError =>
  new AppError('BAD_INPUT', `Line ${line} of ${file} ${what}.`, {
    fix,
    context: { file, line },
    ...(cause === undefined ? {} : { cause }),
  });

const IDS = ['id', '_id', 'docid', 'doc_id', 'pmid', 'PMID'];
const TITLES = ['title', 'Title'];
/** In order of preference; `contents` holds the title as well. */
const TEXTS = ['text', 'content', 'passage', 'abstract', 'body', 'Text'];

function stringField(row: Row, name: string, place: RowPlace): string | null {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (IDS.includes(name) && typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw rowError(place, `has a field "${name}" that is no text`, `Write "${name}" as a JSON string.`);
}

const firstField = (row: Row, names: readonly string[], place: RowPlace): string | null => {
  for (const name of names) {
    const value = stringField(row, name, place);
    if (value !== null) return value;
  }
  return null;
};

/** `id` falls back to `file#line`. @throws AppError `BAD_INPUT` that names the line */
export function passageOfRow(row: Row, place: RowPlace): Passage {
  const id = firstField(row, IDS, place) ?? `${place.file}#${place.line}`;
  if (id === '') throw rowError(place, 'has an empty id', 'Give the row an id, or leave the field out.');
  const text = firstField(row, TEXTS, place);
  const contents = text === null ? stringField(row, 'contents', place) : null;
  if (text === null && contents === null) {
    throw rowError(
      place,
      'has neither "text" nor "contents"',
      'Put the text of the passage under one of them.',
    );
  }
  const passage =
    contents === null
      ? { id, title: firstField(row, TITLES, place) ?? '', text: text ?? '' }
      : { id, ...fromContents(contents) };
  if (passage.text.trim() === '' && passage.title.trim() === '') {
    throw rowError(place, 'has no text', 'Remove the row, or write its text.');
  }
  return passage;
}

/** Whose form it is. */
export function layoutOf(row: Row): CorpusLayout {
  const has = (...names: string[]): boolean => names.every((name) => Object.hasOwn(row, name));
  if (has('_id', 'text')) return 'beir';
  if (has('id', 'content', 'contents')) return 'medcorp';
  if (has('id', 'contents')) {
    const contents = row['contents'];
    // wiki-18 quotes the title; FlashRAG's other corpora may not.
    return typeof contents === 'string' && /^"[^\n]*"\n/.test(contents) ? 'wiki-18' : 'flashrag';
  }
  if (has('id', 'text', 'title') && Object.keys(row).join() === 'id,text,title') return 'wiki-18';
  return 'plain';
}
