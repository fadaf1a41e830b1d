import { nodePdfPlatform } from '../src/platform/node/pdf-platform';
import { AppError, throwIfAborted } from '../src/protocol/errors';
import type { Passage } from '../src/protocol/retrieval';
import { isQuestionsOfSet } from '../src/retrieval/documents/beir-folder';
import { DEFAULT_LIMITS } from '../src/retrieval/documents/limits';
import { kindOf, readPassages } from '../src/retrieval/documents/read-passages';
import { RepeatedIds } from '../src/retrieval/documents/repeated-ids';
import { NUMBER_THEM } from '../src/retrieval/documents/seen-ids';
import type { Console } from './command';
import { documentFiles } from './document-file';

/** On a command line there is more memory and more patience than in a page. */
const limits = { ...DEFAULT_LIMITS, fileBytes: 8 * 2 ** 30, totalBytes: 16 * 2 ** 30, passages: 5_000_000 };

/** Of every command that reads passages from files. */
export const repeatsOption = {
  'number-repeats': {
    type: 'boolean',
    help: 'of files: an id that comes again becomes id~2, id~3 …; a passage that is the same word for word is counted once',
  },
} as const;

export interface CorpusReading {
  /** Whether ids that come again are numbered. Default: they are refused. */
  numberRepeats?: boolean | undefined;
}

/** Refuses an id that another file has given before; within a file its lines are compared as they are read. */
class Owners {
  readonly #files = new Map<string, string>();

  add(id: string, file: string): void {
    const before = this.#files.get(id);
    if (before !== undefined && before !== file) {
      throw new AppError('BAD_INPUT', `${file} has the id "${id}", which ${before} has as well.`, {
        fix: NUMBER_THEM,
        context: { file },
      });
    }
    this.#files.set(id, file);
  }
}

/**
 * All passages of a file, or of the files below a folder. Rows of JSONL stay whole, so that their ids stay those that
 * questions name; other documents are cut. A folder's files of other kinds, and questions of a BEIR set, are left out, and named. Ids that
 * come again are refused, or numbered over all files.
 */
export async function readCorpus(
  path: string,
  console: Pick<Console, 'note' | 'signal'>,
  { numberRepeats = false }: CorpusReading = {},
): Promise<Passage[]> {
  const { signal } = console;
  const files = await documentFiles(path);
  const names = files.map(({ name }) => name);
  const isCorpus = (name: string): boolean => kindOf(name) !== null && !isQuestionsOfSet(name, names);
  const readable = files.length === 1 ? files : files.filter(({ name }) => isCorpus(name));
  const left = files.filter((file) => !readable.includes(file));
  if (left.length > 0) {
    const some = left.slice(0, 3).map(({ name }) => name);
    const what = `${left.length} ${left.length === 1 ? 'file holds no passages and is' : 'files hold no passages and are'} left out`;
    console.note(`${what}: ${some.join(', ')}${left.length > 3 ? ' …' : ''}`);
  }
  const options = {
    limits,
    longRowWords: Infinity,
    pdf: nodePdfPlatform(),
    signal,
    repeatedIds: numberRepeats,
  };
  const repeats = numberRepeats ? new RepeatedIds() : null;
  const owners = numberRepeats ? null : new Owners();
  const passages: Passage[] = [];
  for (const file of readable) {
    throwIfAborted(signal);
    for await (const read of readPassages(file, options)) {
      const passage = repeats ? repeats.place(read) : read;
      owners?.add(read.id, file.name);
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
