/** Runs and judgements in TREC's formats, and the measures that trec_eval prints for them. */
import { AppError } from '../protocol/errors';
import {
  averagePrecision,
  ndcgAt,
  precisionAt,
  recallAt,
  reciprocalRank,
  relevantCount,
  relevantFound,
  rPrecision,
  successAt,
  type Judgements,
} from './retrieval-metrics';

/** Ranked document ids by query id. */
export type TrecRun = ReadonlyMap<string, readonly string[]>;
export type Qrels = ReadonlyMap<string, Judgements>;

/** Lines `query iteration document relevance`; BEIR's three columns with a header are read, too. */
export function parseQrels(text: string): Qrels {
  const qrels = new Map<string, Map<string, number>>();
  for (const [number, fields] of rows(text)) {
    const beir = fields.length === 3;
    const [query, document] = beir ? [fields[0], fields[1]] : [fields[0], fields[2]];
    const relevance = Number(fields[beir ? 2 : 3]);
    if (number === 1 && beir && fields[2] === 'score') continue; // BEIR's header
    if ((!beir && fields.length !== 4) || !query || !document || !Number.isInteger(relevance)) {
      throw unreadable('qrels', number, 'query, iteration, document and a whole number');
    }
    const judged = qrels.get(query) ?? new Map<string, number>();
    if (judged.has(document)) throw twice('qrels', number, document);
    qrels.set(query, judged.set(document, relevance));
  }
  return qrels;
}

/**
 * Lines `query Q0 document rank score tag`. As trec_eval does, ranks are ignored: documents are ordered by their score as a 32-bit
 * number, high to low, and equal scores by their ids, high to low.
 */
export function parseRun(text: string): TrecRun {
  const scored = new Map<string, Map<string, number>>();
  for (const [number, fields] of rows(text)) {
    const [query, , document, , scoreText] = fields;
    const score = Number(scoreText);
    if (fields.length < 5 || !query || !document || !Number.isFinite(score)) {
      throw unreadable('run', number, 'query, Q0, document, rank, score and tag');
    }
    const documents = scored.get(query) ?? new Map<string, number>();
    if (documents.has(document)) throw twice('run', number, document);
    scored.set(query, documents.set(document, Math.fround(score)));
  }
  return new Map([...scored].map(([query, documents]) => [query, ranked(documents)]));
}

const ranked = (documents: ReadonlyMap<string, number>): string[] =>
  [...documents].sort(([idA, a], [idB, b]) => b - a || compareBytes(idB, idA)).map(([id]) => id);

const encoder = new TextEncoder();

/** As C's `strcmp` over UTF-8. */
function compareBytes(a: string, b: string): number {
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  const differs = x.findIndex((byte, i) => byte !== y[i]);
  return differs < 0 ? x.length - y.length : (x[differs] ?? 0) - (y[differs] ?? -1);
}

const CUTS = [5, 10, 15, 20, 30, 100, 200, 500, 1000];

/** trec_eval's names. */
export type TrecScores = Record<string, number>;

/** The measures of one query. */
export function trecScores(documents: readonly string[], judged: Judgements): TrecScores {
  const at = (name: string, measure: typeof recallAt): [string, number][] =>
    CUTS.map((k) => [`${name}_${k}`, measure(documents, judged, k)]);
  return Object.fromEntries<number>([
    ['num_ret', documents.length],
    ['num_rel', relevantCount(judged)],
    ['num_rel_ret', relevantFound(documents, judged)],
    ['map', averagePrecision(documents, judged)],
    ['Rprec', rPrecision(documents, judged)],
    ['recip_rank', reciprocalRank(documents, judged)],
    ['ndcg', ndcgAt(documents, judged)],
    ...at('P', precisionAt),
    ...at('recall', recallAt),
    ...at('ndcg_cut', ndcgAt),
    ...at('map_cut', averagePrecision),
    ['success_1', successAt(documents, judged, 1)],
    ['success_5', successAt(documents, judged, 5)],
    ['success_10', successAt(documents, judged, 10)],
  ]);
}

export interface TrecResult {
  /** Over the queries that both run and judgements have, as trec_eval does without `-c`; counts are sums. */
  all: TrecScores;
  queries: ReadonlyMap<string, TrecScores>;
  /** Judged queries that the run does not have. */
  missing: number;
}

/**
 * @param complete queries that the run does not have count 0, as with trec_eval's `-c`
 * @throws AppError `BAD_INPUT` where no query is in both
 */
export function scoreRun(run: TrecRun, qrels: Qrels, complete = false): TrecResult {
  const queries = new Map<string, TrecScores>();
  let missing = 0;
  for (const [query, judged] of qrels) {
    const documents = run.get(query);
    if (documents === undefined) missing++;
    if (documents !== undefined || complete) queries.set(query, trecScores(documents ?? [], judged));
  }
  if (queries.size === 0) {
    throw new AppError('BAD_INPUT', 'The run and the judgements have no query in common.', {
      fix: 'Check that both are of the same data set, and in this order: run, qrels.',
    });
  }
  const all: TrecScores = { num_q: queries.size };
  for (const scores of queries.values()) {
    for (const [name, value] of Object.entries(scores)) all[name] = (all[name] ?? 0) + value;
  }
  for (const name of Object.keys(all)) {
    if (!name.startsWith('num_')) all[name] = (all[name] ?? 0) / queries.size;
  }
  return { all, queries, missing };
}

function* rows(text: string): Generator<[line: number, fields: string[]]> {
  let number = 0;
  for (const line of text.replace(/^\ufeff/, '').split('\n')) {
    number++;
    const fields = line.trim().split(/[ \t]+/);
    if (fields[0] !== '') yield [number, fields];
  }
}

const unreadable = (what: string, line: number, expected: string): AppError =>
  new AppError('BAD_INPUT', `Line ${line} of the ${what} cannot be read.`, {
    fix: `Each line has ${expected}.`,
  });

const twice = (what: string, line: number, document: string): AppError =>
  new AppError(
    'BAD_INPUT',
    `Line ${line} of the ${what} names ${document.slice(0, 80)} a second time for its query.`,
    {
      fix: 'Each document stands once per query.',
    },
  );
