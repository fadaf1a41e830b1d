/**
 * Many files → the passages of one corpus, written as they come: no more of them is in memory than is on its way. A file that cannot be
 * taken is left out and reported, and what was written of it taken back; the others go on.
 */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type {
  CorpusLayout,
  CorpusSource,
  ImportFile,
  ImportRefusal,
  RepeatedRows,
} from '../../protocol/corpus';
import type { OnProgress, Passage } from '../../protocol/retrieval';
import { createPauser } from '../yielding';
import { isQuestionsOfSet } from './beir-folder';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS, megabytes } from './limits';
import { kindOf, readPassages, type ReadOptions } from './read-passages';
import { RepeatedIds } from './repeated-ids';
import { NUMBER_THEM } from './seen-ids';

/** Takes passages in order; can go back to where it was. */
export interface PassageSink {
  readonly count: number;
  /** A promise where the caller had better wait. */
  add(passage: Passage): Promise<void> | undefined;
  /** Where it is. */
  mark(): unknown;
  /** Forgets what came after `mark`. */
  rewind(mark: unknown): Promise<void>;
}

export interface ImportedSources {
  sources: CorpusSource[];
  refusals: ImportRefusal[];
  /** Of ids that were numbered; absent where there were none. */
  repeats?: RepeatedRows;
}

export interface ImportReadOptions extends ReadOptions {
  onProgress?: OnProgress | undefined;
  /** Whether ids that come again, in a file or in another, are numbered. Default: the file is refused. */
  numberRepeats?: boolean | undefined;
}

/** What concerns one file alone; anything else ends the import. */
const REFUSALS = new Set(['BAD_INPUT', 'UNSUPPORTED']);

function requireLimits(files: readonly ImportFile[], limits: typeof DEFAULT_LIMITS): void {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  if (files.length === 0) {
    throw new AppError('BAD_INPUT', 'There are no files to import.', { fix: 'Drop or pick some files.' });
  }
  if (files.length > limits.files) {
    throw new AppError('BAD_INPUT', `${files.length} files are more than ${limits.files}.`, {
      fix: 'Import them in several corpora, or as one JSONL file.',
    });
  }
  if (total > limits.totalBytes) {
    throw new AppError('BAD_INPUT', `The files are larger than ${megabytes(limits.totalBytes)} together.`, {
      fix: 'Import fewer at once, or build the index with the command line.',
    });
  }
}

/** Two files of one name, from different drops, must not share ids. */
function uniqueNames(files: readonly ImportFile[]): { name: string; file: Blob }[] {
  const seen = new Set<string>();
  return files.map(({ path, file }) => {
    let name = path;
    for (let n = 2; seen.has(name); n++) name = path.replace(/(\.[^./]+(?:\.gz)?)?$/i, ` (${n})$1`);
    seen.add(name);
    return { name, file };
  });
}

/** Rejects when nothing at all could be taken, with the reason of the first file. */
export async function importPassages(
  files: readonly ImportFile[],
  sink: PassageSink,
  options: ImportReadOptions = {},
): Promise<ImportedSources> {
  const limits = options.limits ?? DEFAULT_LIMITS;
  requireLimits(files, limits);
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const named = uniqueNames(files);
  const paths = named.map(({ name }) => name);
  const result: ImportedSources = { sources: [], refusals: [] };
  const owners = new Map<string, number>();
  const repeats = options.numberRepeats ? new RepeatedIds() : null;
  const pause = createPauser(options.signal);
  let firstError: AppError | null = null;
  /** Bytes of the files before, and of the one at hand. */
  let done = 0;
  let read = 0;

  const report = (name?: string): void =>
    options.onProgress?.({
      ...{ done: done + read, total, unit: 'bytes', local: true },
      ...(name !== undefined && { label: name }),
    });

  async function take(name: string, file: Blob, index: number): Promise<void> {
    if (isQuestionsOfSet(name, paths)) {
      throw new AppError('BAD_INPUT', `${name} holds questions or judgements of a BEIR set, no passages.`, {
        fix: 'Evaluate with it; the corpus is made of the other files.',
      });
    }
    const before = sink.count;
    const mark = sink.mark();
    repeats?.mark();
    const own: string[] = [];
    let layout: CorpusLayout | undefined;
    try {
      const reading = {
        ...{ ...options, repeatedIds: repeats !== null },
        onLayout: (found: CorpusLayout) => void (layout = found),
      };
      // A part that is looked at twice counts once.
      const counted = fileOf(name, file, (bytes) => (read = Math.min(file.size, read + bytes)));
      for await (const found of readPassages(counted, reading)) {
        const passage = repeats ? repeats.place(found) : found;
        if (!passage) continue;
        const owner = owners.get(passage.id);
        if (owner !== undefined) {
          const other = owner === index ? 'another passage of it' : (paths[owner] ?? '');
          throw new AppError('BAD_INPUT', `${name} has the id "${passage.id}", which ${other} has as well.`, {
            fix: NUMBER_THEM,
            context: { file: name },
          });
        }
        owners.set(passage.id, index);
        own.push(passage.id);
        if (owners.size > limits.passages) {
          throw new AppError('OUT_OF_MEMORY', `The files make more than ${limits.passages} passages.`, {
            fix: 'Import fewer at once, or build the index with the command line.',
          });
        }
        await sink.add(passage);
        const pausing = pause();
        if (pausing) {
          report(name);
          await pausing;
        }
      }
    } catch (error) {
      for (const id of own) owners.delete(id);
      repeats?.forget();
      await sink.rewind(mark);
      throw error;
    }
    const kind = kindOf(name);
    if (kind) {
      const source = { name, kind, bytes: file.size, passages: sink.count - before };
      result.sources.push({ ...source, ...(layout && { layout }) });
    }
  }

  for (const [index, { name, file }] of named.entries()) {
    throwIfAborted(options.signal);
    read = 0;
    report(name);
    try {
      await take(name, file, index);
    } catch (error) {
      if (!(error instanceof AppError) || !REFUSALS.has(error.code)) throw error;
      firstError ??= error;
      const line = error.context?.['line'];
      result.refusals.push({
        path: name,
        reason: error.message,
        fix: error.fix,
        ...(typeof line === 'number' && { line }),
      });
    }
    done += file.size;
  }
  read = 0;
  report();
  if (sink.count === 0 && firstError) throw firstError;
  const counts = repeats?.counts;
  return { ...result, ...(counts && { repeats: counts }) };
}
