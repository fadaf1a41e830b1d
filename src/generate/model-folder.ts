/** Fetches an embedded model's folder, every byte checked against the registry. */
import * as v from 'valibot';
import { bytesSource } from '../lm/byte-source';
import type { ModelFiles } from '../lm/local-model';
import type { Fetch } from '../protocol/clock';
import { AppError, throwIfAborted } from '../protocol/errors';
import { RegistrySchema, type Registry, type RegistryFile, type RegistryModel } from '../protocol/registry';
import type { OnProgress } from '../protocol/retrieval';

/** `crypto.subtle.digest('SHA-256', …)` */
export type Sha256 = (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;

export interface FolderTools {
  fetch: Fetch;
  sha256: Sha256;
}

const RELOAD = 'Reload the page; if it stays, the site was not published completely.';

/** A folder's address with exactly one slash at its end. */
const folder = (url: string): string => `${url.replace(/\/+$/, '')}/`;

/** @throws AppError NETWORK, NOT_FOUND, BAD_RESPONSE, ABORTED */
export async function fetchRegistry(
  modelsUrl: string,
  fetch: Fetch,
  signal?: AbortSignal,
): Promise<Registry> {
  const url = `${folder(modelsUrl)}registry.json`;
  const text = new TextDecoder().decode(
    await download(url, { fetch, cache: 'no-cache', limit: 1 << 20, signal }),
  );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new AppError('BAD_RESPONSE', 'registry.json is not JSON.', { fix: RELOAD });
  }
  const result = v.safeParse(RegistrySchema, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new AppError(
    'BAD_RESPONSE',
    `registry.json: ${v.getDotPath(issue) ?? 'document'}: ${issue.message}`,
    {
      fix: RELOAD,
    },
  );
}

interface DownloadOptions {
  fetch: Fetch;
  cache: RequestCache;
  /** Most bytes that may come. */
  limit: number;
  signal: AbortSignal | undefined;
  onChunk?: (bytes: number) => void;
}

async function download(url: string, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { fetch, cache, limit, signal, onChunk } = options;
  const name = url.slice(url.lastIndexOf('/') + 1);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const response = await fetch(url, { cache, ...(signal && { signal }) });
    if (response.status === 404) throw new AppError('NOT_FOUND', `${name} is not there.`, { fix: RELOAD });
    if (!response.ok) {
      throw new AppError('NETWORK', `${name} could not be fetched (${response.status}).`, {
        fix: 'Try again in a moment.',
        recoverable: true,
      });
    }
    const reader = response.body?.getReader();
    for (;;) {
      const step = await reader?.read();
      if (!step || step.done) break;
      length += step.value.length;
      if (length > limit) {
        await reader?.cancel();
        throw new AppError('INTEGRITY', `${name} is longer than it should be.`, {
          fix: RELOAD,
          recoverable: true,
        });
      }
      chunks.push(step.value);
      onChunk?.(step.value.length);
    }
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof AppError) throw error;
    throw new AppError('NETWORK', `${name} could not be fetched: the connection failed.`, {
      fix: 'Check the connection and try again.',
      recoverable: true,
    });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @throws AppError INTEGRITY where length or hash differ from the registry's */
export async function verify(
  bytes: Uint8Array<ArrayBuffer>,
  file: RegistryFile,
  sha256: Sha256,
): Promise<void> {
  const actual = bytes.length === file.bytes ? hex(await sha256(bytes)) : `${bytes.length} bytes`;
  if (actual === file.sha256) return;
  throw new AppError('INTEGRITY', `${file.path} is not the file that the registry describes.`, {
    fix: RELOAD,
    recoverable: true,
    context: { file: file.path, expected: file.sha256, actual },
  });
}

export interface FetchModelOptions extends FolderTools {
  /** Where `registry.json` lies; the model is in the folder of its id. */
  modelsUrl: string;
  model: RegistryModel;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/**
 * Fetches and checks every file of a model. A file that is wrong is fetched once more, past the caches: a cache may still hold
 * the file of an earlier release.
 * @throws AppError NETWORK, NOT_FOUND, INTEGRITY, ABORTED
 */
export async function fetchModelFiles(
  options: FetchModelOptions,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { fetch, sha256, modelsUrl, model, signal, onProgress } = options;
  const total = model.files.reduce((sum, file) => sum + file.bytes, 0);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let finished = 0;
  for (const file of model.files) {
    const url = `${folder(modelsUrl)}${model.id}/${file.path}`;
    const get = async (cache: RequestCache): Promise<Uint8Array<ArrayBuffer>> => {
      let done = finished;
      const onChunk = (bytes: number): void => {
        done += bytes;
        onProgress?.({ done, total, unit: 'bytes', label: file.path });
      };
      const bytes = await download(url, { fetch, cache, limit: file.bytes, signal, onChunk });
      await verify(bytes, file, sha256);
      return bytes;
    };
    const bytes = await get('default').catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'INTEGRITY') return get('reload');
      throw error;
    });
    files.set(file.path, bytes);
    finished += bytes.length;
  }
  return files;
}

/** The parts of a language model's folder. @throws AppError NOT_FOUND, BAD_INPUT */
export function languageModelFiles(model: RegistryModel, files: ReadonlyMap<string, Uint8Array>): ModelFiles {
  const text = (path: string): string | undefined => {
    const bytes = files.get(path);
    return bytes && new TextDecoder().decode(bytes);
  };
  const json = (path: string): unknown => {
    const source = text(path);
    if (source === undefined) {
      throw new AppError('NOT_FOUND', `The model ${model.id} has no ${path}.`, {
        fix: 'Choose another model.',
      });
    }
    try {
      return JSON.parse(source);
    } catch {
      throw new AppError('BAD_INPUT', `${path} of the model ${model.id} is not JSON.`, {
        fix: 'Choose another model.',
      });
    }
  };
  const weights = [...files].filter(([path]) => path.endsWith('.safetensors'));
  if (weights.length === 0) {
    throw new AppError('NOT_FOUND', `The model ${model.id} has no weights in safetensors form.`, {
      fix: 'Choose another model.',
    });
  }
  const chatTemplate = text('chat_template.jinja');
  return {
    config: json('config.json'),
    tokenizer: json('tokenizer.json'),
    tokenizerConfig: json('tokenizer_config.json'),
    weights: weights.map(([path, bytes]) => bytesSource(path, bytes)),
    ...(files.has('generation_config.json') && { generationConfig: json('generation_config.json') }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  };
}
