/** Many files → the passages of one corpus. A file that cannot be taken is left out and reported; the others go on. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { CorpusSource, ImportFile, ImportRefusal } from '../../protocol/corpus';
import type { OnProgress, Passage } from '../../protocol/retrieval';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS, megabytes } from './limits';
import { kindOf, readPassages, type ReadOptions } from './read-passages';

export interface ImportedPassages {
  passages: Passage[];
  sources: CorpusSource[];
  refusals: ImportRefusal[];
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
  options: ReadOptions & { onProgress?: OnProgress | undefined } = {},
): Promise<ImportedPassages> {
  const limits = options.limits ?? DEFAULT_LIMITS;
  requireLimits(files, limits);
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const result: ImportedPassages = { passages: [], sources: [], refusals: [] };
  const owners = new Map<string, string>();
  let firstError: AppError | null = null;
  let done = 0;
  for (const { name, file } of uniqueNames(files)) {
    throwIfAborted(options.signal);
    options.onProgress?.({ done, total, unit: 'bytes', label: name });
    try {
      const passages: Passage[] = [];
      for await (const passage of readPassages(fileOf(name, file), options)) {
        const owner = owners.get(passage.id);
        if (owner !== undefined) {
          throw new AppError('BAD_INPUT', `${name} has the id "${passage.id}", which ${owner} has as well.`, {
            fix: 'Give each row its own id, or import the files as two corpora.',
            context: { file: name },
          });
        }
        passages.push(passage);
        if (result.passages.length + passages.length > limits.passages) {
          throw new AppError('OUT_OF_MEMORY', `The files make more than ${limits.passages} passages.`, {
            fix: 'Import fewer at once, or build the index with the command line.',
          });
        }
      }
      for (const passage of passages) {
        owners.set(passage.id, name);
        result.passages.push(passage);
      }
      const kind = kindOf(name);
      if (kind) result.sources.push({ name, kind, bytes: file.size, passages: passages.length });
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
  options.onProgress?.({ done, total, unit: 'bytes' });
  if (result.passages.length === 0 && firstError) throw firstError;
  return result;
}
