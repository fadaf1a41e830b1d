/** BEIR: queries, and judgements of which documents are relevant, per split. Nothing is answered here; what counts is what is found. */
import { AppError } from '../../protocol/errors';
import { parseQrels, type Qrels } from '../trec';
import { isRow, textOf, type ParsedQuestion } from './row-fields';
import type { FileContent } from './file-content';

const QUERIES = /(^|[/.])queries[^/]*\.(jsonl?|tsv)(\.gz)?$/i;
const QRELS = /(^|\/)(qrels\/[^/]+\.(tsv|txt)|qrels[^/]*\.(tsv|txt))(\.gz)?$/i;

export interface BeirFiles {
  queries: string;
  qrels: string;
}

/** Which files of a folder are the set's; undefined where it is none. @param split default: test */
export function beirFiles(paths: readonly string[], split = 'test'): BeirFiles | undefined {
  const named = (path: string): boolean => path.toLowerCase().includes(split.toLowerCase());
  const judged = paths.filter((path) => QRELS.test(path));
  const qrels = judged.find(named) ?? (judged.length === 1 ? judged[0] : undefined);
  const asked = paths.filter((path) => QUERIES.test(path));
  const queries = asked.find(named) ?? asked[0];
  return queries === undefined || qrels === undefined ? undefined : { queries, qrels };
}

/** `{_id, text}` lines, or a table of id and text without a heading. */
export function beirQueries(content: FileContent | string): Map<string, string> {
  if (typeof content === 'string') {
    const rows = content.split('\n').map((line) => line.replace(/\r$/, '').split('\t'));
    return new Map(rows.flatMap(([id, text]) => (id && text ? [[id, text] as const] : [])));
  }
  const rows = content.kind === 'rows' ? content.rows : [];
  return new Map(
    rows.flatMap((row) => {
      const [id, text] = isRow(row) ? [textOf(row, '_id', 'id'), textOf(row, 'text', 'query')] : [];
      return id !== undefined && text !== undefined ? [[id, text] as const] : [];
    }),
  );
}

/** Queries that have at least one relevant document. @throws AppError `BAD_INPUT` where there is none */
export function readBeir(queries: ReadonlyMap<string, string>, qrelsText: string): ParsedQuestion[] {
  const qrels: Qrels = parseQrels(qrelsText);
  const questions: ParsedQuestion[] = [];
  for (const [id, text] of queries) {
    const judged = [...(qrels.get(id) ?? [])].filter(([, relevance]) => relevance > 0);
    if (judged.length === 0) continue;
    const graded = judged.some(([, relevance]) => relevance !== 1);
    questions.push({
      id,
      question: text,
      goldAnswers: [],
      goldIds: judged.map(([document]) => document),
      ...(graded && { relevance: Object.fromEntries(judged) }),
    });
  }
  if (questions.length > 0) return questions;
  throw new AppError('BAD_INPUT', 'No query of the folder has a relevant document among its judgements.', {
    fix: 'Check that queries and qrels are of the same data set and split.',
  });
}
