/** Which data set's form rows have, told by their fields, and their questions. */
import { AppError } from '../../protocol/errors';
import type { DatasetFormat } from '../evaluation-types';
import { readDeepRetrieval } from './deepretrieval';
import type { FileContent } from './file-content';
import { isMirage, readMirage } from './mirage';
import { read2Wiki, readHotpotQa, readMuSiQue } from './multi-hop';
import {
  readBamboogle,
  readFlashRag,
  readNqOpen,
  readPlain,
  readPopQa,
  readTriviaQa,
  triviaQaRows,
  type ReadRow,
} from './question-answer';
import { isRow, listOf, rowOf, type ParsedQuestion, type Row } from './row-fields';
import { unreadable } from './unreadable';
import { isVerlRow, readVerl } from './verl';

export interface ParsedContent {
  format: DatasetFormat;
  questions: ParsedQuestion[];
  /** Rows that hold no question or no answer. */
  leftOut: number;
}

const READERS: Readonly<Record<Exclude<DatasetFormat, 'mirage' | 'beir'>, ReadRow>> = {
  flashrag: readFlashRag,
  verl: readVerl,
  jsonl: readPlain,
  hotpotqa: readHotpotQa,
  '2wikimultihopqa': read2Wiki,
  musique: readMuSiQue,
  'nq-open': readNqOpen,
  triviaqa: readTriviaQa,
  popqa: readPopQa,
  bamboogle: readBamboogle,
  deepretrieval: readDeepRetrieval,
};

/** Types of question that 2WikiMultihopQA alone has; HotpotQA has `bridge` and `comparison`. */
const WIKI_TYPES = new Set(['compositional', 'inference', 'bridge_comparison']);

/** By the fields of one row; the plain form takes whatever is left. */
export function formatOfRow(row: Row): DatasetFormat {
  if (isVerlRow(row)) return 'verl';
  if (rowOf(row, 'pico') ?? rowOf(row, 'PICO')) return 'deepretrieval';
  if (listOf(row, 'question_decomposition') ?? isParagraphs(row)) return 'musique';
  if (listOf(row, 'evidences') ?? WIKI_TYPES.has(String(row['type']))) return '2wikimultihopqa';
  if ('supporting_facts' in row && 'context' in row) return 'hotpotqa';
  if ('possible_answers' in row) return 'popqa';
  if (rowOf(row, 'Answer') ?? rowOf(row, 'answer')) return 'triviaqa';
  if ('Question' in row && 'Answer' in row) return 'bamboogle';
  if ('golden_answers' in row && !('gold' in row)) return isPopQaMetadata(row) ? 'popqa' : 'flashrag';
  if (listOf(row, 'answer') && !('id' in row)) return 'nq-open';
  return 'jsonl';
}

const isParagraphs = (row: Row): boolean =>
  (listOf(row, 'paragraphs') ?? []).some((one) => isRow(one) && 'paragraph_text' in one);

const isPopQaMetadata = (row: Row): boolean => {
  const metadata = rowOf(row, 'metadata');
  return metadata !== undefined && 's_pop' in metadata && 'o_pop' in metadata;
};

/** @param wanted instead of recognising. @throws AppError `BAD_INPUT` where nothing in it is a question */
export function readQuestions(path: string, content: FileContent, wanted?: DatasetFormat): ParsedContent {
  if (wanted === 'beir') {
    throw new AppError('BAD_INPUT', `${path} is one file; a BEIR set is a folder with queries and qrels.`, {
      fix: 'Name the folder.',
    });
  }
  if (content.kind === 'document') {
    const trivia = triviaQaRows(content.value);
    if (trivia) return fromRows(path, trivia, wanted ?? 'triviaqa');
    if (wanted === 'mirage' || (wanted === undefined && isMirage(content.value))) {
      return collected(path, 'mirage', readMirage(content.value));
    }
    // A list of questions under a name, such as {"data": [...]}.
    const list = Object.values(content.value).find((value) => Array.isArray(value) && value.some(isRow));
    if (Array.isArray(list)) return fromRows(path, list, wanted);
    throw unknownForm(path);
  }
  if (wanted === 'mirage')
    throw unreadable(path, 'is a list; MIRAGE is one document of sets', 'Give benchmark.json.');
  return fromRows(path, content.rows, wanted);
}

function fromRows(path: string, rows: readonly unknown[], wanted: DatasetFormat | undefined): ParsedContent {
  const first = rows.find(isRow);
  if (!first) throw unknownForm(path);
  const format = wanted ?? formatOfRow(first);
  if (format === 'mirage' || format === 'beir') throw unknownForm(path);
  const read = READERS[format];
  return collected(
    path,
    format,
    rows.map((row, i) => (isRow(row) ? read(row, i) : undefined)),
  );
}

function collected(
  path: string,
  format: DatasetFormat,
  read: readonly (ParsedQuestion | undefined)[],
): ParsedContent {
  const questions = read.filter((one) => one !== undefined);
  if (questions.length === 0) throw unknownForm(path);
  return { format, questions, leftOut: read.length - questions.length };
}

const unknownForm = (path: string): AppError =>
  unreadable(
    path,
    'holds no questions in a form that is known here',
    'Give rows with "question" and "answers" (or "golden_answers"), or one of the known data sets; `format` says which where it is not recognised.',
  );
