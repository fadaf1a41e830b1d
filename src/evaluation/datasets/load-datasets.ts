/** From a configuration's data sets to the questions that are asked, with what was done to them on the way. */
import { normaliseQuestion } from '../../agent/prompts';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type {
  DatasetChoice,
  DatasetFormat,
  DatasetRecord,
  EvaluationConfig,
  EvaluationQuestion,
} from '../evaluation-types';
import { settledRule } from '../runner/score-question';
import { beirFiles, beirQueries, readBeir } from './beir';
import { readContent } from './file-content';
import { readQuestions } from './recognise';
import type { ParsedQuestion } from './row-fields';
import { drawSample, sharesOf } from './sampling';
import type { SourceFile } from './source-file';
import { unreadable } from './unreadable';

export interface LoadedDatasets {
  datasets: DatasetRecord[];
  questions: EvaluationQuestion[];
}

interface ReadSet {
  choice: DatasetChoice;
  name: string;
  format: DatasetFormat;
  questions: EvaluationQuestion[];
  notes: string[];
}

export type OpenSource = (choice: DatasetChoice) => Promise<SourceFile[]>;

/** @throws AppError `BAD_INPUT` … for a set that cannot be read, naming it */
export async function loadDatasets(
  config: Pick<EvaluationConfig, 'datasets' | 'sampling' | 'accuracy' | 'models'>,
  openSource: OpenSource,
  signal?: AbortSignal,
): Promise<LoadedDatasets> {
  const sets: ReadSet[] = [];
  for (const choice of config.datasets) {
    throwIfAborted(signal);
    const read = await readChoice(choice, await openSource(choice), signal);
    for (const set of read) {
      if (sets.some(({ name }) => name === set.name)) {
        throw new AppError('BAD_INPUT', `Two data sets have the name "${set.name}".`, {
          fix: 'Give each a name of its own in the configuration.',
        });
      }
      sets.push(set);
    }
  }
  const { sampling } = config;
  const shares = sharesOf(
    sets.map(({ questions }) => questions.length),
    sampling,
  );
  const datasets: DatasetRecord[] = [];
  const questions: EvaluationQuestion[] = [];
  for (const [i, set] of sets.entries()) {
    const drawn = drawSample(set.questions, shares[i] ?? 0, sampling.seed);
    if (drawn.length === 0) continue;
    questions.push(...drawn);
    const available = set.questions.length;
    const multipleChoice = set.questions.every(({ options }) => options !== undefined);
    const rule = set.choice.accuracy ?? config.accuracy;
    datasets.push({
      name: set.name,
      source: set.choice.source,
      format: set.format,
      available,
      questions: drawn.length,
      accuracy: settledRule(rule, multipleChoice, config.models.judge !== undefined),
      notes: [...set.notes, ...sampleNote(drawn.length, available, sampling.seed)],
    });
  }
  return { datasets, questions };
}

const sampleNote = (drawn: number, available: number, seed: number | null): string[] =>
  drawn === available
    ? []
    : [
        seed === null
          ? `The first ${drawn} of ${available} questions.`
          : `${drawn} of ${available} questions, drawn with seed ${seed}.`,
      ];

async function readChoice(
  choice: DatasetChoice,
  files: readonly SourceFile[],
  signal: AbortSignal | undefined,
): Promise<ReadSet[]> {
  const { format, questions, leftOut } = await readFiles(choice, files, signal);
  const parts = [...new Set(questions.map(({ part }) => part))];
  const wanted = format !== 'beir' && choice.part !== undefined ? [choice.part] : parts;
  const notes = leftOut === 0 ? [] : [`${leftOut} rows without a question or an answer were left out.`];
  return wanted.map((part) => {
    const own = questions.filter((one) => one.part === part);
    if (own.length === 0) {
      const known = parts.flatMap((one) => one ?? []).join(', ');
      throw new AppError('BAD_INPUT', `${choice.source} has no part "${part ?? ''}".`, {
        fix: known === '' ? 'Leave `part` out: the file is one set.' : `It has ${known}.`,
      });
    }
    const name = wanted.length > 1 && part !== undefined ? part : choice.name;
    return { choice, name, format, ...asAsked(name, format, own, notes) };
  });
}

/** s3's rules: a question mark at the end of every question, PopQA's questions once each. Ids are made unique. */
function asAsked(
  name: string,
  format: DatasetFormat,
  parsed: readonly ParsedQuestion[],
  before: readonly string[],
): { questions: EvaluationQuestion[]; notes: string[] } {
  const notes = [...before];
  const ruled = format !== 'beir' && format !== 'deepretrieval';
  let marked = 0;
  let repeated = 0;
  const seen = new Set<string>();
  const ids = new Map<string, number>();
  const questions: EvaluationQuestion[] = [];
  for (const { part: _part, ...one } of parsed) {
    const asks = ruled && one.goldAnswers.length > 0;
    const plain = asks && one.options === undefined && !one.question.includes('\nOptions:');
    const question = plain ? normaliseQuestion(one.question) : one.question;
    if (plain && question !== one.question.trim()) marked++;
    const once = format === 'popqa' || /popqa/i.test(name);
    if (once && seen.has(question)) {
      repeated++;
      continue;
    }
    seen.add(question);
    const times = (ids.get(one.id) ?? 0) + 1;
    ids.set(one.id, times);
    questions.push({ ...one, id: times === 1 ? one.id : `${one.id}#${times}`, dataset: name, question });
  }
  if (marked > 0) notes.push(`A question mark was added to ${marked} questions, as s3 does.`);
  if (repeated > 0) notes.push(`${repeated} repeated questions were left out, as s3 does.`);
  return { questions, notes };
}

interface ReadFiles {
  format: DatasetFormat;
  questions: ParsedQuestion[];
  leftOut: number;
}

const QUESTION_FILE = /\.(jsonl?|parquet|tsv|csv)(\.gz)?$/i;

async function readFiles(
  choice: DatasetChoice,
  files: readonly SourceFile[],
  signal: AbortSignal | undefined,
): Promise<ReadFiles> {
  const paths = files.map(({ path }) => path);
  const beir =
    choice.format === undefined || choice.format === 'beir' ? beirFiles(paths, choice.part) : undefined;
  const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const file = files.find((one) => one.path === path);
    if (!file) throw unreadable(path, 'is not there', 'Check the source.');
    return file.read(signal);
  };
  if (beir) {
    const queries = await readQueries(beir.queries, await read(beir.queries));
    const qrels = new TextDecoder().decode(await read(beir.qrels));
    return { format: 'beir', questions: readBeir(queries, qrels), leftOut: 0 };
  }
  const named = paths.length === 1 ? paths : paths.filter((path) => QUESTION_FILE.test(path));
  const [first, ...others] = named.length > 1 ? bySplit(named, choice.part) : named;
  if (first === undefined || choice.format === 'beir') {
    throw unreadable(choice.source, 'holds no file of questions', 'Name a file, or a folder with one.');
  }
  if (others.length > 0) {
    throw unreadable(
      choice.source,
      `holds several files of questions: ${named.slice(0, 8).join(', ')}`,
      'Name one of them, or say which split with `part`.',
    );
  }
  return readQuestions(first, await readContent(first, await read(first)), choice.format);
}

/** test → dev → train, as s3 takes them, unless a part is named. */
function bySplit(paths: readonly string[], part: string | undefined): string[] {
  const has = (word: string) =>
    paths.filter((path) => new RegExp(`(^|[/._-])${escaped(word)}`, 'i').test(path));
  if (part !== undefined) {
    const own = has(part);
    if (own.length > 0) return own;
  }
  for (const split of ['test', 'dev', 'val', 'train']) {
    const own = has(split);
    if (own.length > 0) return own;
  }
  return [...paths];
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

async function readQueries(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<Map<string, string>> {
  // A table of queries has no heading, so its first row is a query as well.
  if (/\.tsv$/i.test(path)) return beirQueries(new TextDecoder().decode(bytes));
  return beirQueries(await readContent(path, bytes));
}
