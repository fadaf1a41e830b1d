/** What search by words is measured on, from the project's data folder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TextDocument } from './peers';

export interface Judged {
  query: string;
  relevant: ReadonlySet<string>;
}

const lines = (path: string): string[] => {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n');
};

function documentsOf(path: string, numbered: boolean): TextDocument[] {
  return lines(path).map((line, i) => {
    const row = JSON.parse(line) as Partial<TextDocument> & { _id?: string };
    const id = numbered ? String(i) : (row.id ?? row._id ?? '');
    return { id, title: row.title ?? '', text: row.text ?? '' };
  });
}

/** SciFact of BEIR: its abstracts, and its questions with those that answer them. */
export function sciFact(data: string): { documents: TextDocument[]; judged: Judged[] } {
  const folder = join(data, 'corpora/scifact');
  const relevant = new Map<string, Set<string>>();
  for (const line of lines(join(folder, 'qrels.test.txt'))) {
    const [query = '', , id = '', grade] = line.split(' ');
    if (Number(grade) > 0) relevant.set(query, (relevant.get(query) ?? new Set<string>()).add(id));
  }
  const judged = lines(join(folder, 'queries.test.tsv')).flatMap((line) => {
    const [id = '', query = ''] = line.split('\t');
    const known = relevant.get(id);
    return known ? [{ query, relevant: known }] : [];
  });
  return { documents: documentsOf(join(folder, 'corpus.jsonl.gz'), false), judged };
}

/** Some ids of the large corpus come twice, which no library takes: the number of the row is the id. */
export const largeCorpus = (data: string): TextDocument[] =>
  documentsOf(join(data, 'corpora/open-87k.jsonl.gz'), true);

export const multihopQuestions = (data: string, count: number): string[] =>
  lines(join(data, 'qa/wiki-multihop-questions.jsonl'))
    .slice(0, count)
    .map((line) => (JSON.parse(line) as { question: string }).question);

/** Mean over the questions of nDCG@10 (Järvelin and Kekäläinen 2002), every judgement weighing the same. */
export async function ndcgAt10(
  search: (query: string, topK: number) => Promise<string[]>,
  judged: readonly Judged[],
): Promise<number> {
  const gain = (i: number): number => 1 / Math.log2(i + 2);
  let sum = 0;
  for (const { query, relevant } of judged) {
    const found = await search(query, 10);
    const reached = found.reduce((total, id, i) => total + (relevant.has(id) ? gain(i) : 0), 0);
    const ideal = Array.from({ length: Math.min(10, relevant.size) }, (_, i) => gain(i));
    sum += reached / ideal.reduce((a, b) => a + b, 0);
  }
  return sum / judged.length;
}
