/** The folder of a BEIR set: `corpus.jsonl` beside `queries.jsonl` and `qrels/*.tsv`, gzipped or not. */

const CORPUS = /(^|\/)corpus\.(jsonl|parquet)(\.gz)?$/i;
const QUESTIONS = /(^|\/)(queries[^/]*\.(jsonl|tsv|parquet)|qrels\/[^/]+|qrels[^/]*\.(tsv|txt))(\.gz)?$/i;

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);

/** Whether a file holds queries or judgements, which stand beside a corpus and are no passages of it. */
export const isQuestionsOfSet = (path: string, all: readonly string[]): boolean =>
  QUESTIONS.test(path) && all.some((other) => CORPUS.test(other) && path.startsWith(folderOf(other)));
