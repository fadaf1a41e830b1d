import { RETRIEVAL_MODES, type Hit, type RetrievalMode, type Retriever } from '../../src/protocol/retrieval';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { graphOptions, hybridOptions, searchSettings } from '../hybrid-options';
import { IndexFolder } from '../index-folder';
import { isLinkedReference, linkedRetriever } from '../linked-corpus';
import { readQuestions } from '../questions';
import { measureRecall, type RecallRow } from '../recall';

const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

const hitLines = (hits: readonly Hit[]): string[] =>
  hits.map(
    ({ rank, score, passage: { id, title, text } }) =>
      `${String(rank).padStart(3)}  ${score.toFixed(3).padStart(8)}  ${id}  ${title}\n      ${shorten(text, 160)}`,
  );

const recallLines = (rows: readonly RecallRow[], k: number): string[] => [
  `source                questions  all gold in top ${k}  recall@${k}`,
  ...rows.map(
    ({ dataset, questions, allGold, recall }) =>
      `${dataset.padEnd(20)} ${String(questions).padStart(10)} ${allGold.toFixed(3).padStart(20)} ${recall.toFixed(3).padStart(10)}`,
  ),
];

async function folderRetriever(
  folder: string,
  asked: RetrievalMode | 'auto',
  values: Parameters<typeof searchSettings>[0],
  console: Console,
): Promise<{ retriever: Retriever; mode: RetrievalMode }> {
  const index = await IndexFolder.open(folder);
  const mode = asked === 'auto' ? (index.record.encoder === null ? 'bm25' : 'dense') : asked;
  return { retriever: await index.retriever(mode, console, searchSettings(values, mode)), mode };
}

export const indexSearch = defineCommand({
  name: 'index search',
  positionals: 'INDEX ["QUERY"]',
  count: [1, 2],
  summary:
    'Searches an index (a folder, its address, or a server), or measures it on questions with known passages.',
  options: {
    k: { type: 'string', short: 'k', value: 'N', help: 'how many passages; default 8, with --questions 10' },
    mode: { type: 'string', value: 'dense|bm25|hybrid', help: 'default: dense where the index has vectors' },
    ...hybridOptions,
    ...graphOptions,
    questions: {
      type: 'string',
      value: 'FILE',
      help: 'JSON lines with "question" and "gold": reports how often all gold passages are found',
    },
  },
  async run(values, [folder = '', query], console) {
    const { questions: file } = values;
    if ((file === undefined) === (query === undefined)) {
      throw new UsageError('`s3 index search` takes either a query or --questions FILE.');
    }
    const k = wholeNumber('k', values.k, 1, file === undefined ? 8 : 10);
    const asked = oneOf('mode', values.mode, [...RETRIEVAL_MODES, 'auto'], 'auto');
    const { retriever, mode } = isLinkedReference(folder)
      ? await linkedRetriever(folder, asked, console, values)
      : await folderRetriever(folder, asked, values, console);
    const started = performance.now();
    if (query !== undefined) {
      const [hits = []] = await retriever.search([query], k, console.signal);
      if (console.json)
        console.out(JSON.stringify({ mode, ...(retriever.how && { how: retriever.how }), query, hits }));
      else for (const line of hitLines(hits)) console.out(line);
      return;
    }
    const questions = await readQuestions(file ?? '');
    const rows = await measureRecall(retriever, questions, k, console.signal);
    const seconds = (performance.now() - started) / 1000;
    if (console.json) console.out(JSON.stringify({ mode, k, seconds, sources: rows }));
    else for (const line of recallLines(rows, k)) console.out(line);
    console.note(`${mode}, ${questions.length} questions in ${seconds.toFixed(1)} s`);
  },
});
