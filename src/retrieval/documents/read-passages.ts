/** One file of any supported kind → passages with stable ids. */
import { AppError } from '../../protocol/errors';
import {
  DEFAULT_CHUNKING,
  type Chunking,
  type CorpusLayout,
  type DocumentFile,
  type DocumentKind,
} from '../../protocol/corpus';
import type { Passage } from '../../protocol/retrieval';
import { titleOfFile, toSections, type Section } from './blocks';
import { countWords, cutText, requireChunking } from './chunking';
import { readWholeText } from './decode-text';
import { parseHtml } from './html';
import { DEFAULT_LIMITS, type ImportLimits } from './limits';
import { parseMarkdown, type ParsedDocument } from './markdown';
import { parsePdf, type PdfPlatform } from './pdf';
import { layoutOf, passageOfRow } from './row-passage';
import { SeenIds } from './seen-ids';
import { readRows, type RowKind } from './rows';

export interface ReadOptions {
  limits?: ImportLimits;
  chunking?: Chunking | undefined;
  /**
   * Rows of JSONL, tables and Parquet are passages already; only longer ones are cut. `Infinity` keeps every row as it is, ids included.
   * Default 300 words, about what an encoder reads of a passage.
   */
  longRowWords?: number;
  /** `null`: PDF files are refused. */
  pdf?: PdfPlatform | null;
  signal?: AbortSignal | undefined;
  /** Whether rows may have ids that have been there: the caller numbers them. Default: the second is refused. */
  repeatedIds?: boolean;
  /** Told once a file of rows, by its first. */
  onLayout?: (layout: CorpusLayout) => void;
}

const DEFAULT_LONG_ROW = 300;

const ENDINGS: readonly (readonly [RegExp, DocumentKind])[] = [
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'jsonl'],
  [/\.(csv|tsv)(\.gz)?$/i, 'csv'],
  [/\.parquet$/i, 'parquet'],
  [/\.(md|markdown|mdown)$/i, 'markdown'],
  [/\.(txt|text)(\.gz)?$/i, 'text'],
  [/\.(html?|xhtml)$/i, 'html'],
  [/\.pdf$/i, 'pdf'],
];

/** By the name's ending; `null` for what cannot be read. */
export const kindOf = (name: string): DocumentKind | null =>
  ENDINGS.find(([ending]) => ending.test(name))?.[1] ?? null;

function requireKind(name: string): DocumentKind {
  const kind = kindOf(name);
  if (kind !== null) return kind;
  throw new AppError('BAD_INPUT', `${name} is of a kind that cannot be read.`, {
    fix: 'Add JSONL (.jsonl), tables (.csv, .tsv), Parquet (.parquet), Markdown (.md), text (.txt), HTML (.html) or PDF (.pdf).',
    context: { file: name },
  });
}

const isRows = (kind: DocumentKind): kind is RowKind =>
  kind === 'jsonl' || kind === 'csv' || kind === 'parquet';

async function* cutRows(
  file: DocumentFile,
  kind: RowKind,
  options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<Passage> {
  const { longRowWords = DEFAULT_LONG_ROW, chunking = DEFAULT_CHUNKING, signal } = options;
  const seen = options.repeatedIds ? null : new SeenIds();
  let first = true;
  for await (const { line, row } of readRows(file, kind, limits, signal)) {
    const place = { file: file.name, line };
    const passage = passageOfRow(row, place);
    seen?.add(passage.id, place);
    if (first) options.onLayout?.(layoutOf(row));
    first = false;
    if (countWords(passage.text) <= longRowWords) {
      yield passage;
      continue;
    }
    let n = 0;
    for (const text of cutText(passage.text, chunking)) {
      yield { id: `${passage.id}#${++n}`, title: passage.title, text };
    }
  }
}

async function parse(
  file: DocumentFile,
  kind: Exclude<DocumentKind, RowKind>,
  options: ReadOptions,
  limits: ImportLimits,
): Promise<ParsedDocument> {
  if (kind === 'pdf') {
    if (options.pdf) return parsePdf(file, options.pdf, limits, options.signal);
    throw new AppError('UNSUPPORTED', `${file.name}: PDF files cannot be read here.`, {
      fix: 'Add the text of the document.',
      context: { file: file.name },
    });
  }
  const text = await readWholeText(file, limits, options.signal);
  if (kind === 'markdown') return parseMarkdown(text);
  if (kind === 'html') return parseHtml(text);
  return { title: null, blocks: [{ kind: 'text', text }] };
}

const emptyFile = (file: string): AppError =>
  new AppError('BAD_INPUT', `${file} has no text.`, { fix: 'Leave the file out.', context: { file } });

/** Passages in the order of the text, ids `file#n`; those of rows are the rows' own. Rejects with an `AppError` that names the file. */
export async function* readPassages(file: DocumentFile, options: ReadOptions = {}): AsyncGenerator<Passage> {
  const limits = options.limits ?? DEFAULT_LIMITS;
  const kind = requireKind(file.name);
  const chunking = options.chunking ?? DEFAULT_CHUNKING;
  requireChunking(chunking);
  let count = 0;
  if (isRows(kind)) {
    for await (const passage of cutRows(file, kind, options, limits)) {
      count++;
      yield passage;
    }
  } else {
    const { title, blocks } = await parse(file, kind, options, limits);
    const sections: Section[] = toSections(blocks, title ?? titleOfFile(file.name));
    for (const section of sections) {
      for (const text of cutText(section.text, chunking)) {
        yield { id: `${file.name}#${++count}`, title: section.title, text };
      }
    }
  }
  if (count === 0) throw emptyFile(file.name);
}
