/** An evaluation as files. */
import { outputSequence } from '../../agent/output-sequences';
import { askedQuestion } from '../../agent/searcher-prompt';
import { AppError } from '../../protocol/errors';
import type { TraceFile } from '../../protocol/trace';
import {
  resultKeyText,
  type EvaluatedSystem,
  type EvaluationQuestion,
  type EvaluationRecord,
  type ExportFormat,
  type QuestionResult,
  type TextFile,
} from '../evaluation-types';
import {
  writeResultFile,
  writeSequenceFile,
  writeStatsFile,
  type ResultEntry,
  type SequenceEntry,
  type SourceStats,
} from './original-files';
import { reportCsv } from './table-csv';
import { buildReport } from './report-table';
import { reportLatex, reportMarkdown } from './table-text';

export interface ExportSource {
  record: EvaluationRecord;
  questions: readonly EvaluationQuestion[];
  /** The newest of each question, system and seed. */
  results: readonly QuestionResult[];
  /** By `resultKeyText`. */
  trace: (key: string) => Promise<TraceFile | null>;
  now: () => string;
}

/** @param label of the system, for formats of one system; may be left out where there is one alone */
export async function exportEvaluation(
  source: ExportSource,
  format: ExportFormat,
  label?: string,
): Promise<TextFile[]> {
  const { record } = source;
  const name = fileName(record.config.name);
  const table = () => buildReport(record, source.questions, source.results, source.now());
  switch (format) {
    case 'csv':
      return [{ name: `${name}.csv`, text: reportCsv(table()) }];
    case 'json':
      return [{ name: `${name}.json`, text: `${JSON.stringify(table(), null, 2)}\n` }];
    case 'markdown':
      return [{ name: `${name}.md`, text: reportMarkdown(table()) }];
    case 'latex':
      return [{ name: `${name}.tex`, text: reportLatex(table()) }];
    case 'archive':
      return [{ name: `${name}.evaluation.jsonl`, text: await archiveText(source) }];
    case 'output-sequences':
      return sequenceFiles(source, chosenSystem(record, label));
    case 'results': {
      const system = chosenSystem(record, label);
      return [{ name: `${fileName(system.label)}.json`, text: resultsText(source, system) }];
    }
    case 'rag-cache': {
      const system = chosenSystem(record, label);
      if (system.system.startsWith('naive-rag')) {
        return [{ name: 'rag_cache.json', text: resultsText(source, system) }];
      }
      throw new AppError(
        'BAD_INPUT',
        `rag_cache.json holds plain RAG's answers, not those of ${system.label}.`,
        {
          fix: 'Choose a system of naive RAG, or the format of result files.',
        },
      );
    }
    case 'stats': {
      const system = chosenSystem(record, label);
      return [{ name: `${fileName(system.label)}_stats.json`, text: statsText(source, system) }];
    }
  }
}

function chosenSystem({ config }: EvaluationRecord, label: string | undefined): EvaluatedSystem {
  const [only, ...others] =
    label === undefined ? config.systems : config.systems.filter((one) => one.label === label);
  if (only && others.length === 0) return only;
  throw new AppError(
    'BAD_INPUT',
    only ? 'These files hold one system, and several were run.' : `There is no system "${label ?? ''}".`,
    {
      fix: `Choose one of ${config.systems.map((one) => one.label).join(', ')}.`,
    },
  );
}

const fileName = (name: string): string =>
  name
    .trim()
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|-+$/g, '') || 'evaluation';

/** Results of one system for the first seed, by data set, with their questions: the original knows neither seeds nor ids. */
function* ofSystem(
  { record, questions, results }: ExportSource,
  { label }: EvaluatedSystem,
): Generator<[dataset: string, rows: { question: EvaluationQuestion; result: QuestionResult }[]]> {
  const [seed = 0] = record.config.seeds;
  const byKey = new Map(results.map((result) => [resultKeyText(result), result]));
  for (const { name } of record.datasets) {
    const rows = questions
      .filter(({ dataset }) => dataset === name)
      .flatMap((question) => {
        const result = byKey.get(
          resultKeyText({ system: label, dataset: name, questionId: question.id, seed }),
        );
        return result ? [{ question, result }] : [];
      });
    yield [name, rows];
  }
}

/** A failed question is left out: a score of 0 would say that it was answered wrongly. */
function resultsText(source: ExportSource, system: EvaluatedSystem): string {
  const file = new Map<string, Map<string, ResultEntry>>();
  for (const [dataset, rows] of ofSystem(source, system)) {
    const entries = new Map<string, ResultEntry>();
    for (const { question, result } of rows) {
      if (result.status !== 'ok') continue;
      const { accuracy = 0, em = 0 } = result.metrics;
      entries.set(askedQuestion(question.question), {
        answer: result.answer,
        score: Math.round(accuracy),
        em_score: Math.round(em),
      });
    }
    file.set(dataset, entries);
  }
  return writeResultFile(file);
}

function statsText(source: ExportSource, system: EvaluatedSystem): string {
  const sources = new Map<string, SourceStats>();
  let planned = 0;
  let processed = 0;
  for (const [dataset, rows] of ofSystem(source, system)) {
    const ok = rows.flatMap(({ result }) => (result.status === 'ok' ? [result] : []));
    const count = (metric: 'accuracy' | 'em'): number =>
      ok.filter(({ metrics }) => Math.round(metrics[metric] ?? 0) === 1).length;
    const [correct, em] = [count('accuracy'), count('em')];
    planned += source.questions.filter((question) => question.dataset === dataset).length;
    processed += ok.length;
    sources.set(dataset, {
      total: ok.length,
      correct,
      accuracy: ok.length === 0 ? 0 : correct / ok.length,
      no_context: 0,
      em_correct: em,
      em_accuracy: ok.length === 0 ? 0 : em / ok.length,
    });
  }
  return writeStatsFile({
    timestamp: source.record.updatedAt,
    total_questions: planned,
    processed_questions: processed,
    data_source_stats: sources,
    remaining_questions: planned - processed,
  });
}

async function sequenceFiles(source: ExportSource, system: EvaluatedSystem): Promise<TextFile[]> {
  const files: TextFile[] = [];
  for (const [dataset, rows] of ofSystem(source, system)) {
    const file = new Map<string, SequenceEntry>();
    for (const { result } of rows) {
      const trace = result.status === 'ok' ? await source.trace(resultKeyText(result)) : null;
      if (!trace?.events.some(({ type }) => type === 'context')) continue;
      const { question, entry } = outputSequence(trace);
      file.set(question, entry);
    }
    if (file.size > 0)
      files.push({ name: `${fileName(dataset)}_output_sequences.json`, text: writeSequenceFile(file) });
  }
  if (files.length > 0) return files;
  throw new AppError('BAD_INPUT', `${system.label} has no finished runs with documents.`, {
    fix: 'Choose a system that retrieves, or run its questions first.',
  });
}

/** A header, the questions, then each result with its trace: a line each. */
async function archiveText({ record, questions, results, trace }: ExportSource): Promise<string> {
  const lines = [
    JSON.stringify({ format: 's3-web/evaluation-archive', version: 1, record }),
    ...questions.map((question) => JSON.stringify({ question })),
  ];
  for (const result of results)
    lines.push(JSON.stringify({ result, trace: await trace(resultKeyText(result)) }));
  return `${lines.join('\n')}\n`;
}
