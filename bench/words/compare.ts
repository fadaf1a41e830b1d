/**
 * Search by words against other libraries: building and asking on 87 k passages, and how good the ranking is on SciFact. Time is that of
 * the processor, all threads together, which other work on the machine disturbs less than the clock.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import { digits, summarise, table } from '../statistics';
import { wordEngines, type TextDocument, type WordEngine } from './peers';

interface Options {
  /** Folder with `corpora/` and `qa/`. */
  data: string;
  questions: number;
  print: (line: string) => void;
}

const lines = (path: string): string[] => {
  const bytes = readFileSync(path);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n');
};

/** Some ids of the large corpus come twice, which no library takes: there the number of the row is the id. */
const documentsOf = (path: string, numbered = false): TextDocument[] =>
  lines(path).map((line, i) => {
    const row = JSON.parse(line) as Partial<TextDocument> & { _id?: string };
    const id = numbered ? String(i) : (row.id ?? row._id ?? '');
    return { id, title: row.title ?? '', text: row.text ?? '' };
  });

/** Milliseconds of the processor. */
const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

interface Judged {
  query: string;
  relevant: ReadonlySet<string>;
}

function sciFactQuestions(folder: string): Judged[] {
  const relevant = new Map<string, Set<string>>();
  for (const line of lines(join(folder, 'qrels.test.txt'))) {
    const [query = '', , id = '', grade] = line.split(' ');
    if (Number(grade) > 0) relevant.set(query, (relevant.get(query) ?? new Set<string>()).add(id));
  }
  return lines(join(folder, 'queries.test.tsv')).flatMap((line) => {
    const [id = '', query = ''] = line.split('\t');
    const known = relevant.get(id);
    return known ? [{ query, relevant: known }] : [];
  });
}

async function ndcgAt10(engine: WordEngine, documents: TextDocument[], questions: Judged[]): Promise<number> {
  const search = await engine.build(documents);
  let sum = 0;
  for (const { query, relevant } of questions) {
    const gain = (i: number): number => 1 / Math.log2(i + 2);
    const found = await search(query, 10);
    const reached = found.reduce((total, id, i) => total + (relevant.has(id) ? gain(i) : 0), 0);
    const ideal = Array.from({ length: Math.min(10, relevant.size) }, (_, i) => gain(i));
    sum += reached / ideal.reduce((a, b) => a + b, 0);
  }
  return sum / questions.length;
}

export async function compareWords({ data, questions: count, print }: Options): Promise<void> {
  const folder = join(data, 'corpora/scifact');
  const sciFact = documentsOf(join(folder, 'corpus.jsonl.gz'));
  const judged = sciFactQuestions(folder);
  const many = documentsOf(join(data, 'corpora/open-87k.jsonl.gz'), true);
  const questions = lines(join(data, 'qa/wiki-multihop-questions.jsonl'))
    .slice(0, count)
    .map((line) => (JSON.parse(line) as { question: string }).question);
  const rows: string[][] = [];
  let own: { build: number; query: number } | undefined;
  for (const engine of wordEngines) {
    const ndcg = await ndcgAt10(engine, sciFact, judged);
    const started = spent();
    const search = await engine.build(many);
    const build = (spent() - started) / 1000;
    const times: number[] = [];
    for (const question of questions) {
      const before = spent();
      await search(question, 10);
      times.push(spent() - before);
    }
    const query = summarise(times).median;
    own ??= { build, query };
    const factor = (theirs: number, mine: number): string =>
      engine === wordEngines[0] ? '' : `${digits(theirs / mine)}×`;
    rows.push([
      ...[engine.name, ndcg.toFixed(4), digits(build), factor(build, own.build)],
      ...[digits(query), factor(query, own.query)],
    ]);
    print(`${engine.name}: nDCG@10 ${ndcg.toFixed(4)}, build ${digits(build)} s, query ${digits(query)} ms`);
  }
  print(`\n${many.length} passages, ${questions.length} questions; nDCG on SciFact's ${judged.length}.\n`);
  const header = ['library', 'nDCG@10', 'build s', 'of ours', 'query ms', 'of ours'];
  print(table(header, rows));
}
