import { AppError, throwIfAborted } from '../../protocol/errors';
import type { DocumentFile } from '../../protocol/corpus';
import { megabytes, type ImportLimits } from './limits';

/** Without `inflation` a packed file may unpack to any size up to `fileBytes`. */
type ByteLimits = Pick<ImportLimits, 'fileBytes'> &
  Partial<Pick<ImportLimits, 'inflation' | 'freeInflation' | 'wholeBytes'>>;

type Bytes = Uint8Array<ArrayBuffer>;

/** UTF-8 unless a byte order mark says UTF-16. A text in another encoding fails in the decoder, which is fatal. */
function encodingOf(start: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/** The bytes of a file, unpacked where its name ends in .gz, and counted: no more than the limit is ever read. */
export async function* readBytes(
  file: DocumentFile,
  limits: ByteLimits,
  signal?: AbortSignal,
): AsyncGenerator<Bytes> {
  const { inflation = Infinity, freeInflation = 0 } = limits;
  const zipped = /\.gz$/i.test(file.name);
  const stream = zipped ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  const reader = stream.getReader();
  let total = 0;
  try {
    for (;;) {
      throwIfAborted(signal);
      const { done, value } = await reader.read();
      if (done) return;
      total += value.byteLength;
      if (total > limits.fileBytes) {
        throw new AppError('BAD_INPUT', `${file.name} is larger than ${megabytes(limits.fileBytes)}.`, {
          fix: 'Split the file, or build the index with the command line.',
          context: { file: file.name },
        });
      }
      if (zipped && total > freeInflation && total > inflation * file.size) {
        throw new AppError('BAD_INPUT', `${file.name} unpacks to more than ${inflation} times its size.`, {
          fix: 'No text packs so well: it is damaged, or made to fill up the memory. Leave it out.',
          context: { file: file.name },
        });
      }
      yield value;
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('BAD_INPUT', `${file.name} could not be read${zipped ? ' or unpacked' : ''}.`, {
      fix: zipped
        ? 'Check that it is a whole gzip file.'
        : 'Check that the file is still there, and add it again.',
      context: { file: file.name },
      cause,
    });
  } finally {
    await reader.cancel().catch(() => undefined); // Already closed or broken; there is nothing left to release.
  }
}

/** The text of a file in pieces. Rejects with `BAD_INPUT` where the bytes are not UTF-8, or UTF-16 with a mark, or not text. */
export async function* readText(
  file: DocumentFile,
  limits: ByteLimits,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let decoder: TextDecoder | null = null;
  let encoding = 'utf-8';
  let start: Bytes = new Uint8Array(0);
  const decode = (bytes: Bytes | undefined): string => {
    let text: string;
    try {
      text = bytes ? (decoder?.decode(bytes, { stream: true }) ?? '') : (decoder?.decode() ?? '');
    } catch (cause) {
      throw wrongEncoding(file.name, encoding, cause);
    }
    if (text.includes('\0')) throw notText(file.name);
    return text;
  };
  for await (const chunk of readBytes(file, limits, signal)) {
    if (decoder) {
      yield decode(chunk);
      continue;
    }
    start = concat(start, chunk);
    if (start.byteLength < 2) continue;
    encoding = encodingOf(start);
    decoder = new TextDecoder(encoding, { fatal: true });
    yield decode(start);
  }
  decoder ??= new TextDecoder('utf-8', { fatal: true });
  if (start.byteLength === 1) yield decode(start);
  yield decode(undefined);
}

const whole = ({ wholeBytes = Infinity, ...limits }: ByteLimits): ByteLimits => ({
  ...limits,
  fileBytes: Math.min(limits.fileBytes, wholeBytes),
});

export async function readWholeText(
  file: DocumentFile,
  limits: ByteLimits,
  signal?: AbortSignal,
): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of readText(file, whole(limits), signal)) pieces.push(piece);
  return pieces.join('');
}

export async function readWholeBytes(
  file: DocumentFile,
  limits: ByteLimits,
  signal?: AbortSignal,
): Promise<Bytes> {
  const chunks: Bytes[] = [];
  for await (const chunk of readBytes(file, whole(limits), signal)) chunks.push(chunk);
  return concat(...chunks);
}

function concat(...parts: Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

const wrongEncoding = (file: string, encoding: string, cause: unknown): AppError =>
  new AppError('BAD_INPUT', `${file} is not valid ${encoding.toUpperCase()}.`, {
    fix: 'Save it as UTF-8 (for example with "Save as… UTF-8" in an editor) and add it again.',
    context: { file },
    cause,
  });

const notText = (file: string): AppError =>
  new AppError('BAD_INPUT', `${file} contains NUL characters: it is binary, or UTF-16 without a mark.`, {
    fix: 'Save it as UTF-8 and add it again.',
    context: { file },
  });
