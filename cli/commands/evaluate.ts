import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readEvaluationConfig } from '../../src/evaluation/config';
import {
  EXPORT_FORMATS,
  type EvaluationApi,
  type EvaluationConfig,
  type EvaluationProgress,
  type EvaluationRecord,
  type ExportFormat,
} from '../../src/evaluation/evaluation-types';
import {
  EVALUATION_PRESETS,
  EVALUATION_PRESET_NAMES,
  isEvaluationPreset,
} from '../../src/evaluation/presets';
import { reportLines } from '../../src/evaluation/report/table-text';
import { createEvaluations } from '../../src/evaluation/runner/evaluation-service';
import { systemClock } from '../../src/platform/clock';
import { openEvaluationFolder } from '../../src/platform/storage/evaluation-folder';
import { AppError } from '../../src/protocol/errors';
import { deviceOption, readDevice } from '../backend';
import { defineCommand, oneOf, UsageError, wholeNumber, type Console } from '../command';
import { repeatsOption } from '../corpus-reader';
import { commandLaboratory } from './evaluate-laboratory';

/** Between two lines of progress, in milliseconds. */
const PROGRESS_MS = 5000;

export const evaluate = defineCommand({
  name: 'evaluate',
  positionals: 'CONFIG',
  count: [1, 1],
  summary: `Runs systems on data sets and prints the table. CONFIG: a JSON file, a preset (${EVALUATION_PRESET_NAMES.join(', ')}), or the folder of an evaluation. What is interrupted goes on where it was.`,
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder of the evaluation; default evaluations/NAME' },
    systems: { type: 'string', value: 'S,S', help: 'instead of those of the configuration' },
    corpus: { type: 'string', value: 'F', help: 'likewise' },
    ...repeatsOption,
    searcher: { type: 'string', value: 'M', help: 'instead of that of the configuration' },
    generator: { type: 'string', value: 'M', help: 'likewise' },
    judge: { type: 'string', value: 'M', help: 'likewise' },
    limit: { type: 'string', value: 'N', help: 'likewise: questions of each data set' },
    concurrency: { type: 'string', value: 'N', help: 'likewise: questions at once' },
    device: deviceOption,
    'retry-failed': { type: 'boolean', help: 'run again what failed' },
    estimate: { type: 'boolean', help: 'print what it would take, and run nothing' },
    report: { type: 'boolean', help: 'print the table of what is there, and run nothing' },
    export: {
      type: 'string',
      value: 'FORMAT',
      help: `write files beside the results, too: ${EXPORT_FORMATS.join(', ')}`,
    },
    of: { type: 'string', value: 'S', help: 'with --export: the system, for the files of one system' },
  },
  async run(values, [reference = ''], console) {
    const wanted = await readConfig(reference, values);
    const folder = resolve(wanted.folder);
    const store = openEvaluationFolder(dirname(folder));
    const evaluations = createEvaluations({
      store,
      laboratory: commandLaboratory(console, readDevice(values.device), {
        numberRepeats: values['number-repeats'],
      }),
      clock: systemClock,
      random: Math.random,
      now: () => new Date().toISOString(),
      newId: () => basename(folder),
    });
    try {
      if (values.estimate) {
        const config = wanted.config ?? (await evaluations.get(basename(folder))).config;
        printEstimate(await evaluations.estimate(config, [], console.signal), console);
        return;
      }
      const record = await openRecord(evaluations, folder, wanted.config, console);
      const format =
        values.export === undefined ? undefined : oneOf('export', values.export, EXPORT_FORMATS, 'csv');
      if (values.report !== true)
        await run(evaluations, record, folder, values['retry-failed'] ?? false, console);
      await printReport(evaluations, record.id, console);
      if (format !== undefined) await writeExport(evaluations, record.id, folder, format, values.of, console);
    } finally {
      await store.close();
    }
  },
});

interface Values {
  out?: string;
  systems?: string;
  corpus?: string;
  searcher?: string;
  generator?: string;
  judge?: string;
  limit?: string;
  concurrency?: string;
}

/** `config` undefined: whatever the folder says. */
async function readConfig(
  reference: string,
  values: Values,
): Promise<{ folder: string; config: EvaluationConfig | undefined }> {
  const info = await stat(reference).catch(() => undefined);
  if (info?.isDirectory()) {
    const own = Object.keys(values).filter((name) =>
      ['out', 'systems', 'corpus', 'searcher', 'generator', 'judge', 'limit', 'concurrency'].includes(name),
    );
    if (own.length > 0)
      throw new UsageError(
        `--${own[0] ?? ''} goes with a configuration, not with the folder of an evaluation.`,
      );
    return { folder: reference, config: undefined };
  }
  const json = isEvaluationPreset(reference) ? EVALUATION_PRESETS[reference] : await readJson(reference);
  const config = readEvaluationConfig(overridden(json, values));
  const slug =
    config.name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'evaluation';
  return { folder: values.out ?? join('evaluations', slug), config };
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `There is no configuration ${path}.`, {
      fix: `Give a JSON file, a folder of an evaluation, or one of the presets: ${EVALUATION_PRESET_NAMES.join(', ')}.`,
      cause,
    });
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('BAD_INPUT', `${path} is not JSON: ${reason}`, { fix: 'Correct the file.', cause });
  }
}

function overridden(json: unknown, values: Values): unknown {
  if (typeof json !== 'object' || json === null) return json;
  const config = json as Record<string, unknown>;
  const models = { searcher: values.searcher, generator: values.generator, judge: values.judge };
  const given = Object.fromEntries(Object.entries(models).filter(([, one]) => one !== undefined));
  const part = (name: string): object => {
    const value = config[name];
    return typeof value === 'object' && value !== null ? value : {};
  };
  return {
    ...config,
    ...(values.systems !== undefined && { systems: values.systems.split(',').map((name) => name.trim()) }),
    ...(values.corpus !== undefined && { corpus: values.corpus }),
    ...(Object.keys(given).length > 0 && { models: { ...part('models'), ...given } }),
    ...(values.limit !== undefined && {
      sampling: { ...part('sampling'), limit: wholeNumber('limit', values.limit, 1, 1) },
    }),
    ...(values.concurrency !== undefined && {
      limits: { ...part('limits'), concurrency: wholeNumber('concurrency', values.concurrency, 1, 1) },
    }),
  };
}

/** The evaluation of the folder, which must be the one that is asked for; a new one where there is none. */
async function openRecord(
  evaluations: EvaluationApi,
  folder: string,
  config: EvaluationConfig | undefined,
  console: Console,
): Promise<EvaluationRecord> {
  const before = await evaluations.get(basename(folder)).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'NOT_FOUND' && config !== undefined) return undefined;
    throw error;
  });
  if (config === undefined || before === undefined) {
    return before ?? evaluations.create(config, [], console.signal);
  }
  // How fast it runs may change; what it measures may not.
  const what = ({ limits: _limits, ...rest }: EvaluationConfig): string =>
    JSON.stringify(readEvaluationConfig(rest));
  if (what(before.config) === what(config)) return before;
  throw new AppError('BAD_INPUT', `${folder} holds an evaluation with another configuration.`, {
    fix: 'Choose another --out, or go on with the other one by naming its folder instead of a configuration.',
  });
}

async function run(
  evaluations: EvaluationApi,
  record: EvaluationRecord,
  folder: string,
  retryFailed: boolean,
  console: Console,
): Promise<void> {
  const { id, planned, datasets } = record;
  console.note(`Evaluation ${folder}: ${planned} runs`);
  for (const { name, questions, notes } of datasets) {
    console.note([`${name}: ${questions} questions.`, ...notes].join(' '));
  }
  const stop = (): void => void evaluations.stop(id).catch(() => undefined); // `start` tells what went wrong.
  console.signal.addEventListener('abort', stop, { once: true });
  const told = new AbortController();
  const telling = tellProgress(evaluations, id, console, told.signal);
  try {
    let done = await evaluations.start(id);
    if (retryFailed && done.status === 'finished' && done.failed > 0)
      done = await evaluations.retryFailed(id);
    if (done.error) throw AppError.from(done.error);
    if (console.signal.aborted) {
      console.note(`${done.ok + done.failed} of ${planned} are kept; the same command goes on.`);
      throw new AppError('ABORTED', 'Stopped.', { recoverable: true });
    }
    if (done.failed > 0) console.note(`${done.failed} failed; --retry-failed runs them again.`);
  } finally {
    told.abort();
    await telling;
    console.signal.removeEventListener('abort', stop);
  }
}

async function tellProgress(
  evaluations: EvaluationApi,
  id: string,
  console: Console,
  signal: AbortSignal,
): Promise<void> {
  let toldAt = systemClock.now();
  for await (const event of evaluations.watch(id, signal)) {
    if (event.type === 'result' && event.result.status === 'failed') {
      const { system, questionId, error } = event.result;
      console.note(`${system}, ${questionId}: ${error.message}`);
    }
    if (event.type !== 'progress' || systemClock.now() - toldAt < PROGRESS_MS) continue;
    toldAt = systemClock.now();
    console.note(progressLine(event.progress));
  }
}

export function progressLine({ planned, ok, failed, remainingMs, bySystem }: EvaluationProgress): string {
  const scores = Object.entries(bySystem).flatMap(([label, { accuracy }]) =>
    accuracy === null ? [] : [`${label} ${(100 * accuracy).toFixed(1)}`],
  );
  const left = remainingMs === null ? '' : `, ${timeText(remainingMs)} left`;
  return `${ok + failed}/${planned}${failed > 0 ? ` (${failed} failed)` : ''}${left}; accuracy: ${scores.join(', ')}`;
}

function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

async function printReport(evaluations: EvaluationApi, id: string, console: Console): Promise<void> {
  const table = await evaluations.report(id);
  if (console.json) console.out(JSON.stringify(table));
  else for (const line of reportLines(table)) console.out(line);
}

async function writeExport(
  evaluations: EvaluationApi,
  id: string,
  folder: string,
  format: ExportFormat,
  system: string | undefined,
  console: Console,
): Promise<void> {
  for (const { name, text } of await evaluations.export(id, format, system)) {
    const path = join(folder, name);
    await writeFile(path, text);
    console.note(`Wrote ${path}`);
  }
}

function printEstimate(estimate: Awaited<ReturnType<EvaluationApi['estimate']>>, console: Console): void {
  if (console.json) {
    console.out(JSON.stringify(estimate));
    return;
  }
  const { questions, runs, calls, searches, promptTokens, completionTokens, cost } = estimate;
  const round = (count: number): string => count.toLocaleString('en-US');
  console.out(`${round(questions)} questions, ${round(runs)} runs`);
  console.out(`at most ${round(calls)} calls of models and ${round(searches)} searches`);
  console.out(`about ${round(promptTokens)} tokens read and ${round(completionTokens)} written`);
  if (cost !== null) console.out(`about $${cost.toFixed(2)}`);
}
