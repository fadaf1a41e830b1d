/** The small files of a model: read whole, with a limit to each. */
import { AppError } from '../../protocol/errors';
import type { FileEntry } from '../../protocol/model-import';
import { readWhole } from '../byte-source';
import type { ModelSource } from './model-source';

const MiB = 1024 * 1024;

/** A source whose files are listed once. */
export interface ListedSource {
  source: ModelSource;
  files: ReadonlyMap<string, FileEntry>;
}

export async function listSource(source: ModelSource, signal?: AbortSignal): Promise<ListedSource> {
  const files = await source.list(signal);
  return { source, files: new Map(files.map((file) => [file.path, file])) };
}

/** @throws AppError INTEGRITY above the limit, NOT_FOUND, and what the source throws */
export async function readBytes(
  { source, files }: ListedSource,
  path: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const listed = files.get(path);
  if (!listed) {
    throw new AppError('NOT_FOUND', `${source.origin().name} has no ${path}.`, {
      fix: 'Choose a model in the layout of the Hugging Face hub, a GGUF file or a pack.',
    });
  }
  if (listed.bytes > limit) {
    throw new AppError('INTEGRITY', `${path} has ${listed.bytes} bytes; at most ${limit} are sensible.`, {
      fix: 'Choose another model.',
    });
  }
  const file = await source.open(path, signal);
  const bytes = await readWhole(file, signal);
  return bytes;
}

export function parseJson(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AppError('BAD_INPUT', `${path} is not JSON.`, { fix: 'Fetch the model again.', cause });
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON object. @throws AppError BAD_INPUT */
export function parseRecord(path: string, bytes: Uint8Array): Record<string, unknown> {
  const value = parseJson(path, bytes);
  if (isRecord(value)) return value;
  throw new AppError('BAD_INPUT', `${path} is not a JSON object.`, { fix: 'Fetch the model again.' });
}

export const MAX_CONFIG_BYTES = MiB;
export const MAX_TOKENIZER_BYTES = 64 * MiB;
export const MAX_INDEX_BYTES = 16 * MiB;
