/**
 * A run's recipe for verl, where a cluster is wanted: the training data as s3's scripts make them, and the command that starts its
 * trainer (github.com/pat-jj/s3, a fork of verl with the search loop in it; spec of the formats, §5).
 */
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { AppError } from '../protocol/errors';
import { askedQuestion, searcherMessages, type PromptSettings } from '../agent/searcher-prompt';
import type { OutputSequences } from '../agent/output-sequences';
import { s3Settings } from '../agent/settings';
import { verlCommand } from './export-verl-command';
import type { PrecomputeJournal } from './precompute/journal';
import type { RunConfig, TrainingQuestion } from './records';

export interface VerlRowOptions {
  questions: readonly TrainingQuestion[];
  /** What plain RAG found, by data source: its first documents stand in the prompt. */
  sequences: Readonly<Record<string, OutputSequences>>;
  prompt: PromptSettings;
  /** Documents of turn 0. */
  initialDocuments: number;
  split: 'train' | 'test';
}

export interface VerlRow {
  data_source: string;
  prompt: { role: string; content: string }[];
  ability: string;
  reward_model: { style: string; ground_truth: { question: string; target: string[]; gt_docs: string[] } };
  extra_info: { split: string; index: number };
  id: string;
  question: string;
  golden_answers: string[];
}

/**
 * A row for each question, in their order.
 * @throws AppError NOT_FOUND where it is not known what plain RAG found
 */
export function verlRows(options: VerlRowOptions): VerlRow[] {
  const { questions, sequences, prompt, initialDocuments, split } = options;
  return questions.map(({ id, source, question: raw, goldAnswers, goldIds = [] }, index): VerlRow => {
    const question = askedQuestion(raw);
    const found = sequences[source]?.[question];
    if (!found) {
      throw new AppError('NOT_FOUND', `What plain RAG finds for “${question}” of ${source} is not known.`, {
        fix: 'Precompute it first: the prompts of verl’s data hold it.',
      });
    }
    const [message] = searcherMessages(
      raw,
      firstDocuments(found.context_with_info, initialDocuments),
      prompt,
    );
    return {
      data_source: source,
      prompt: [{ role: 'user', content: message?.content ?? '' }],
      ability: 'fact-reasoning',
      reward_model: {
        style: 'rule',
        ground_truth: { question, target: goldAnswers, gt_docs: goldIds },
      },
      ...{ extra_info: { split, index }, id, question, golden_answers: goldAnswers },
    };
  });
}

/** As s3's scripts cut: what stands before the next document's number. */
function firstDocuments(context: string, count: number): string {
  const [first = ''] = context.split(`\nDoc ${count + 1} (Title:`);
  return `${first.trimEnd()}\n`;
}

const text = (name: string): SchemaElement => ({
  ...{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
});
const group = (name: string, children: readonly SchemaElement[][]): SchemaElement[] => [
  { name, num_children: children.length, repetition_type: 'OPTIONAL' },
  ...children.flat(),
];
/** Three levels, as Arrow writes lists. */
const list = (name: string, element: readonly SchemaElement[]): SchemaElement[] => [
  { name, num_children: 1, converted_type: 'LIST', repetition_type: 'OPTIONAL' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  ...element,
];

const COLUMNS: Readonly<Record<keyof VerlRow, SchemaElement[]>> = {
  data_source: [text('data_source')],
  prompt: list('prompt', group('element', [[text('role')], [text('content')]])),
  ability: [text('ability')],
  reward_model: group('reward_model', [
    [text('style')],
    group('ground_truth', [
      [text('question')],
      list('target', [text('element')]),
      list('gt_docs', [text('element')]),
    ]),
  ]),
  extra_info: group('extra_info', [
    [text('split')],
    [{ name: 'index', type: 'INT64', repetition_type: 'OPTIONAL' }],
  ]),
  id: [text('id')],
  question: [text('question')],
  golden_answers: list('golden_answers', [text('element')]),
};

/** The rows as a Parquet file that `datasets` and pandas read as s3's own. */
export function verlParquet(rows: readonly VerlRow[]): Uint8Array<ArrayBuffer> {
  const names = Object.keys(COLUMNS) as (keyof VerlRow)[];
  const buffer = parquetWriteBuffer({
    columnData: names.map((name) => ({ name, data: rows.map((row) => column(row, name)) })),
    schema: [{ name: 'schema', num_children: names.length }, ...names.flatMap((name) => COLUMNS[name])],
  });
  return new Uint8Array(buffer);
}

/** INT64 is written from big integers. */
const column = (row: VerlRow, name: keyof VerlRow): unknown =>
  name === 'extra_info' ? { ...row.extra_info, index: BigInt(row.extra_info.index) } : row[name];

export interface VerlExportOptions {
  config: RunConfig;
  questions: readonly TrainingQuestion[];
  /** For validation; default: the questions to learn from. */
  testQuestions?: readonly TrainingQuestion[];
  /** What plain RAG found and answered; see `precompute`. */
  journal: Pick<PrecomputeJournal, 'sequences' | 'cache'>;
  /** On the machine that will train. Default 8. */
  gpus?: number;
}

export interface VerlExport {
  /** Paths from the root of the s3 repository. */
  files: { path: string; bytes: Uint8Array<ArrayBuffer> }[];
  /** What `train_s3_web.sh` runs. */
  command: string;
  /** What of the recipe that trainer does otherwise. */
  notes: string[];
}

const DATA_FOLDER = 'data/s3_web';

/** Everything that is laid over a checkout of the s3 repository: data, cache and the script that starts it. */
export function verlExport({
  config,
  questions,
  testQuestions,
  journal,
  gpus = 8,
}: VerlExportOptions): VerlExport {
  const { command, notes } = verlCommand({ config, dataFolder: DATA_FOLDER, gpus });
  const sequences = journal.sequences();
  const { initialDocuments, promptStyle, documentsSelected, booleanQueries } = s3Settings(config.agent);
  const parquet = (rows: readonly TrainingQuestion[], split: 'train' | 'test'): Uint8Array<ArrayBuffer> => {
    const prompt = { promptStyle, documentsSelected, booleanQueries };
    return verlParquet(verlRows({ questions: rows, sequences, prompt, initialDocuments, split }));
  };
  const told = notes.map((note) => `# ${note}\n`).join('');
  const script = `#!/bin/sh\n# ${config.name.replace(/\s+/g, ' ')}: the recipe of a run of s3-web.\n# The retriever must answer on port 3000, the generator on port 8000.\n${told}${command}`;
  const encode = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content);
  return {
    files: [
      { path: `${DATA_FOLDER}/train_e5_s3.parquet`, bytes: parquet(questions, 'train') },
      { path: `${DATA_FOLDER}/test_e5_s3.parquet`, bytes: parquet(testQuestions ?? questions, 'test') },
      { path: 'data/rag_cache/rag_cache.json', bytes: encode(journal.cache().toText()) },
      { path: 'train_s3_web.sh', bytes: encode(script) },
    ],
    ...{ command, notes },
  };
}
