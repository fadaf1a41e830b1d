/** Files of data sets on the Hugging Face hub or at any address. */
import type { Fetch } from '../../protocol/clock';
import { AppError, throwIfAborted, type ErrorCode } from '../../protocol/errors';
import type { SourceFile } from './source-file';

export const HUB = 'https://huggingface.co';
const REFERENCE =
  /^hf:datasets\/([\w-][\w.-]*\/[\w-][\w.-]*)\/((?!.*\.\.)[\w-][\w. /-]*)(?:@([\w-][\w./-]*))?$/;

export const isRemoteSource = (source: string): boolean => /^(hf:|https?:\/\/)/i.test(source);

/** `hf:datasets/owner/name/path/to/file[@revision]`, or an address as it is. @throws AppError `BAD_INPUT` */
export function sourceUrl(source: string, hub: string = HUB): string {
  if (/^https?:\/\//i.test(source)) return source;
  const [, repository, path, revision = 'main'] = REFERENCE.exec(source.trim()) ?? [];
  if (repository === undefined || path === undefined || revision.includes('..')) {
    throw new AppError('BAD_INPUT', `"${source.slice(0, 160)}" names no file of a data set on the hub.`, {
      fix: 'Write hf:datasets/owner/name/path/to/file, for example hf:datasets/RUC-NLPIR/FlashRAG_datasets/nq/test.jsonl.',
    });
  }
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `${hub.replace(/\/+$/, '')}/datasets/${repository}/resolve/${encodeURIComponent(revision)}/${encoded}`;
}

/** @param onBytes of how many; null where the server does not say */
export function remoteFile(
  source: string,
  fetch: Fetch,
  options: { hub?: string; onBytes?: (done: number, total: number | null) => void } = {},
): SourceFile {
  const url = sourceUrl(source, options.hub);
  const path = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? source);
  return {
    path,
    async read(signal) {
      const response = await fetch(url, {
        redirect: 'follow',
        credentials: 'omit',
        ...(signal && { signal }),
      }).catch((cause: unknown) => {
        throwIfAborted(signal);
        throw failed(
          'NETWORK',
          path,
          'cannot be reached',
          'Check the connection and the address, and try again.',
          cause,
        );
      });
      // No part was asked for: one that comes all the same (206) is not the file.
      if (response.status !== 200) {
        await response.body?.cancel();
        throw statusError(path, response.status);
      }
      const total = Number(response.headers.get('content-length')) || null;
      const parts: Uint8Array<ArrayBuffer>[] = [];
      let done = 0;
      try {
        const reader = response.body?.getReader();
        for (let step = await reader?.read(); step && !step.done; step = await reader?.read()) {
          parts.push(step.value);
          done += step.value.length;
          options.onBytes?.(done, total);
        }
      } catch (cause) {
        throwIfAborted(signal);
        throw failed('NETWORK', path, 'broke off while it was fetched', 'Try again.', cause);
      }
      return new Uint8Array(await new Blob(parts).arrayBuffer());
    },
  };
}

function statusError(path: string, status: number): AppError {
  if (status === 404)
    return failed(
      'NOT_FOUND',
      path,
      'is not there',
      'Check the name of the data set, the file and the revision.',
    );
  if (status === 401 || status === 403) {
    return failed(
      'AUTH',
      path,
      'is not open to everybody',
      'Download it with your account and choose the file.',
    );
  }
  if (status === 429) {
    return failed(
      'RATE_LIMITED',
      path,
      'was refused: too many requests were made',
      'Wait some minutes and try again, or download the file and choose it.',
    );
  }
  return failed('BAD_RESPONSE', path, `was answered with status ${status}`, 'Try again later.');
}

const failed = (code: ErrorCode, path: string, what: string, fix: string, cause?: unknown): AppError =>
  new AppError(code, `The data set's file ${path} ${what}.`, {
    fix,
    recoverable: code === 'NETWORK' || code === 'BAD_RESPONSE' || code === 'RATE_LIMITED',
    ...(cause !== undefined && { cause }),
  });
