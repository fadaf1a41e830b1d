/** Evaluations from files: an archive of ours, or result files of s3's scripts, with the output sequences that belong to them. */
import { importTrace } from '../../agent/trace-file';
import { AppError } from '../../protocol/errors';
import type { TraceEvent, TraceFile } from '../../protocol/trace';
import type {
  DatasetRecord,
  EvaluationQuestion,
  EvaluationRecord,
  QuestionResult,
  TextFile,
} from '../evaluation-types';
import { readEvaluationConfig } from '../config';
import { coverMatch, f1Score, spanCheck } from '../metrics';
import { readQuestion, readRecord, readResult } from '../result-schema';
import { readOriginalFile, type ResultFile, type SequenceFile } from './original-files';

export interface ImportedEvaluation {
  record: EvaluationRecord;
  questions: EvaluationQuestion[];
  entries: { result: QuestionResult; trace: TraceFile | null }[];
}

interface Identity {
  id: string;
  /** ISO 8601. */
  at: string;
}

/** @throws AppError `BAD_INPUT` naming the file and what is wrong with it */
export function importEvaluation(
  name: string,
  files: readonly TextFile[],
  identity: Identity,
): ImportedEvaluation {
  const [first] = files;
  if (!first) throw new AppError('BAD_INPUT', 'No file was given.', { fix: 'Choose at least one.' });
  if (files.length === 1 && first.text.startsWith('{"format":"s3-web/evaluation-archive"')) {
    return importArchive(name, first, identity);
  }
  return importOriginal(name, files, identity);
}

function importArchive(name: string, file: TextFile, { id }: Identity): ImportedEvaluation {
  const lines = file.text.split('\n').filter((line) => line.trim() !== '');
  const questions: EvaluationQuestion[] = [];
  const entries: ImportedEvaluation['entries'] = [];
  let record: EvaluationRecord | undefined;
  for (const [i, line] of lines.entries()) {
    try {
      const json = JSON.parse(line) as Record<string, unknown>;
      if (i === 0) {
        if (json['version'] !== 1) throw new AppError('UNSUPPORTED', 'another version wrote it', { fix: '' });
        record = readRecord(json['record']);
      } else if ('question' in json) questions.push(readQuestion(json['question']));
      else {
        const { trace } = json;
        entries.push({
          result: readResult(json['result']),
          trace: trace === null || trace === undefined ? null : importTrace(JSON.stringify(trace)).file,
        });
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('BAD_INPUT', `Line ${i + 1} of ${file.name} cannot be read: ${reason}`, {
        fix: 'Choose an archive that this program exported, whole.',
        cause,
      });
    }
  }
  if (!record) throw new AppError('BAD_INPUT', `${file.name} is empty.`, { fix: 'Choose another file.' });
  // An archive knows its name; the file's may be a copy's.
  const title = record.config.name.trim() === '' ? name.trim() : record.config.name;
  const status = record.status === 'running' || record.status === 'ready' ? 'stopped' : record.status;
  return {
    record: { ...record, id, status, imported: true, config: { ...record.config, name: title.slice(0, 80) } },
    questions,
    entries,
  };
}

function importOriginal(name: string, files: readonly TextFile[], { id, at }: Identity): ImportedEvaluation {
  const results: { label: string; file: ResultFile }[] = [];
  const sequences = new Map<string, SequenceFile>();
  for (const { name: path, text } of files) {
    const base = (path.split(/[/\\]/).at(-1) ?? path).replace(/\.json$/i, '');
    const read = named(path, () => readOriginalFile(text));
    if (read.kind === 'results') results.push({ label: base.slice(0, 80), file: read.file });
    if (read.kind === 'sequences') sequences.set(base.replace(/_output_sequences$/, ''), read.file);
  }
  if (results.length === 0) {
    throw new AppError('BAD_INPUT', 'There are no answers in these files.', {
      fix: 'Choose the result file of the evaluation, too: output sequences hold what was found, stats only sums.',
    });
  }
  const questions = new Map<string, EvaluationQuestion>();
  const entries: ImportedEvaluation['entries'] = [];
  for (const { label, file } of results) {
    for (const [dataset, answers] of file) {
      const found = sequences.get(dataset) ?? sequences.get(`${dataset}_${label}`);
      for (const [text, entry] of answers) {
        const sequence = found?.get(text);
        const goldAnswers = sequence?.golden_answers.filter((gold) => gold !== '') ?? [];
        const key = JSON.stringify([dataset, text]);
        const question = questions.get(key) ?? { id: text, dataset, question: text, goldAnswers };
        questions.set(key, question);
        // No answer means that there was no context: the original scores it 0, here it has failed.
        entries.push({
          result: resultOf(label, question, entry, at),
          trace: sequence ? contextTrace(question, sequence.context_with_info, at) : null,
        });
      }
    }
  }
  const datasets = [...new Set([...questions.values()].map((one) => one.dataset))].map(
    (dataset): DatasetRecord => {
      const count = [...questions.values()].filter((one) => one.dataset === dataset).length;
      return {
        name: dataset,
        source: 'imported',
        format: 'jsonl',
        available: count,
        questions: count,
        accuracy: 'genacc',
        notes: [],
      };
    },
  );
  const labels = [...new Set(results.map(({ label }) => label))];
  const config = readEvaluationConfig({
    name: name.trim() === '' ? 'Imported' : name.trim().slice(0, 80),
    systems: labels.map((label) => ({ label, system: /rag/i.test(label) ? 'naive-rag' : 's3' })),
    datasets: datasets.map((one) => ({ name: one.name, source: 'imported' })),
    models: { searcher: 'unknown', generator: 'unknown', judge: 'unknown' },
    corpus: 'unknown',
  });
  const ok = entries.filter(({ result }) => result.status === 'ok').length;
  return {
    record: {
      ...{
        id,
        config,
        createdAt: at,
        updatedAt: at,
        status: 'finished',
        datasets,
        runningMs: 0,
        imported: true,
      },
      ...{ planned: questions.size * labels.length, ok, failed: entries.length - ok },
    },
    questions: [...questions.values()],
    entries,
  };
}

const NOTHING = {
  context: null,
  searcherPrompt: 0,
  searcherCompletion: 0,
  generatorPrompt: 0,
  generatorCompletion: 0,
};

function resultOf(
  system: string,
  { dataset, id, goldAnswers }: EvaluationQuestion,
  { answer, score, em_score }: { answer: string | null; score: number; em_score: number },
  startedAt: string,
): QuestionResult {
  const base = {
    ...{ system, dataset, questionId: id, seed: 0, attempt: 1, startedAt, seconds: 0 },
    ...{ tokens: NOTHING, searches: 0, turns: 0, calls: 0 },
  };
  if (answer === null) {
    const error = {
      code: 'NOT_FOUND',
      message: 'There was no context for this question, and no answer.',
      fix: '',
      recoverable: false,
    } as const;
    return { ...base, status: 'failed', error };
  }
  const known = goldAnswers.length > 0;
  const metrics = {
    accuracy: score,
    em: em_score,
    ...(known && {
      f1: f1Score(answer, goldAnswers),
      coverEm: coverMatch(answer, goldAnswers),
      span: spanCheck(answer, goldAnswers) ? 1 : 0,
    }),
  };
  return { ...base, status: 'ok', answer, metrics, notes: [] };
}

/** What is known of the run: the question and the text that the generator read. */
function contextTrace(
  { question, goldAnswers }: EvaluationQuestion,
  text: string,
  startedAt: string,
): TraceFile {
  const at = { turn: 0, atMs: 0 };
  const events: TraceEvent[] = [
    { type: 'question', ...at, question, goldAnswers },
    { type: 'context', ...at, passageIds: [], text, tokens: Math.ceil(text.length / 4) },
  ];
  return { format: 's3-web/trace', version: 1, system: 's3', mode: 'code', settings: {}, startedAt, events };
}

function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${path}: ${error.message}`, { fix: error.fix, cause: error });
  }
}
