import { nodePdfPlatform } from '../src/platform/node/pdf-platform';
import { AppError, throwIfAborted } from '../src/protocol/errors';
import type { Passage } from '../src/protocol/retrieval';
import { DEFAULT_LIMITS } from '../src/retrieval/documents/limits';
import { kindOf, readPassages } from '../src/retrieval/documents/read-passages';
import { RepeatedIds } from '../src/retrieval/documents/repeated-ids';
import type { Console } from './command';
import { documentFiles } from './document-file';

/** On a command line there is more memory and more patience than in a page. */
const limits = { ...DEFAULT_LIMITS, fileBytes: 8 * 2 ** 30, totalBytes: 16 * 2 ** 30, passages: 5_000_000 };

/**
 * All passages of a file, or of the files below a folder. Rows of JSONL stay whole, so that their ids stay those that
 * questions name; other documents are cut. A folder's files of other kinds are left out, and named. Ids that come again are refused, or
 * numbered over all files.
 */
export async function readCorpus(
  path: string,
  console: Pick<Console, 'note' | 'signal'>,
  { numberRepeats = false }: { numberRepeats?: boolean } = {},
): Promise<Passage[]> {
  const { signal } = console;
  const files = await documentFiles(path);
  const readable = files.length === 1 ? files : files.filter(({ name }) => kindOf(name) !== null);
  const left = files.filter((file) => !readable.includes(file));
  if (left.length > 0) {
    const names = left.slice(0, 3).map(({ name }) => name);
    console.note(
      `${left.length} files of other kinds are left out: ${names.join(', ')}${left.length > 3 ? ' …' : ''}`,
    );
  }
  const options = {
    limits,
    longRowWords: Infinity,
    pdf: nodePdfPlatform(),
    signal,
    repeatedIds: numberRepeats,
  };
  const repeats = numberRepeats ? new RepeatedIds() : null;
  const passages: Passage[] = [];
  for (const file of readable) {
    throwIfAborted(signal);
    for await (const read of readPassages(file, options)) {
      const passage = repeats ? repeats.place(read) : read;
      if (passage) passages.push(passage);
    }
  }
  if (repeats?.counts) {
    const { numbered, dropped } = repeats.counts;
    console.note(
      `Ids that came again: ${numbered} numbered, ${dropped} the same word for word and counted once.`,
    );
  }
  if (passages.length === 0) {
    throw new AppError('BAD_INPUT', `${path} holds no text.`, {
      fix: 'Give JSONL, Markdown, text, HTML or PDF files, or a folder of them.',
    });
  }
  return passages;
}
