/** Plain RAG's answers on the disk: `rag_cache.json` as the original has it, and the journal of a precomputation. */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../src/protocol/errors';
import type { JournalFile } from '../../src/train/precompute/journal';
import { RagCache } from '../../src/train/precompute/rag-cache';
import type { FilterCounts } from '../../src/train/worker-api';

export const cacheFile = 'rag_cache.json';
export const journalFile = 'precompute.jsonl';

/** @throws AppError BAD_INPUT, and NOT_FOUND where it must be there; else a file that is not there is an empty one */
export async function readRagCache(path: string, wanted?: 'must be there'): Promise<RagCache> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (isMissing && wanted === undefined) return new RagCache();
    throw new AppError('NOT_FOUND', `${path} cannot be read.`, { fix: 'Check the path.', cause });
  }
  return parseRagCache(text, path);
}

/** @throws AppError BAD_INPUT */
export function parseRagCache(text: string, name: string): RagCache {
  try {
    return RagCache.parse(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('BAD_INPUT', `${name} is not JSON.`, {
      fix: 'Delete it to have it made anew, or choose another file.',
      cause,
    });
  }
}

export const appendedFile = (path: string): JournalFile => ({
  read: () => readFile(path, 'utf8').catch(() => ''),
  async append(text) {
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, text);
  },
});

export const filterLine = ({ total, solved, yesNo, left }: FilterCounts): string =>
  `${total} questions: ${solved} that plain RAG answers and ${yesNo} yes/no questions left out, ${left} left.`;
