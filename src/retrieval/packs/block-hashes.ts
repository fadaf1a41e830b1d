/**
 * Hashes of the blocks of a file, so that a few bytes from the middle of it can be checked without the rest: the first eight bytes of the
 * SHA-256 of each, which is less than a hundredth of the file. The table itself is covered by the manifest.
 */
import { AppError, throwIfAborted } from '../../protocol/errors';
import {
  decodeSections,
  encodeSections,
  requireNumber,
  requireSection,
  requireWords,
} from '../byte-sections';
import { sha256Hex } from '../sha256';

/** Of `vectors.bin`, by the KiB: rows are a few hundred bytes long, and lie anywhere. */
export const VECTOR_BLOCKS_FILE = 'vectors.idx';
export const VECTOR_BLOCK_BYTES = 1024;
/** Of `passages.jsonl`, by four KiB: a table of 2 MB to a million passages, for a few KiB more with each that is found. */
export const PASSAGE_BLOCKS_FILE = 'passages.hashes';
export const PASSAGE_BLOCK_BYTES = 4096;
const FORMAT = 'block-hashes';
const VERSION = 1;
/** 64 bits: another block with the same ones takes 2^64 attempts to find. */
const HASH_DIGITS = 16;
/** Hashed side by side: each waits for another thread. */
const BATCH = 512;

const damaged = (what: string): AppError =>
  new AppError('INTEGRITY', `A table of hashes does not belong to its file: ${what}.`, {
    fix: 'Build the index again.',
  });

const hashOf = async (block: Uint8Array<ArrayBuffer>): Promise<string> =>
  (await sha256Hex(block)).slice(0, HASH_DIGITS);

export class BlockHashes {
  /** Of every block but the last, which may be shorter. */
  readonly blockBytes: number;
  /** Of the file. */
  readonly bytes: number;
  /** [blocks] */
  readonly #hashes: BigUint64Array;

  constructor(blockBytes: number, bytes: number, hashes: BigUint64Array) {
    const sound = Number.isSafeInteger(blockBytes) && blockBytes >= 64 && blockBytes <= 1 << 20;
    if (!sound) throw damaged(`it has blocks of ${blockBytes} bytes`);
    if (hashes.length !== Math.ceil(bytes / blockBytes)) {
      throw damaged(`it knows ${hashes.length} blocks, where the file has ${Math.ceil(bytes / blockBytes)}`);
    }
    this.blockBytes = blockBytes;
    this.bytes = bytes;
    this.#hashes = hashes;
  }

  get count(): number {
    return this.#hashes.length;
  }

  /** Whether these are the bytes of that block. */
  async isBlock(index: number, block: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const hash = this.#hashes[index];
    return hash !== undefined && BigInt(`0x${await hashOf(block)}`) === hash;
  }

  encode(): Promise<Uint8Array<ArrayBuffer>> {
    const { blockBytes, bytes } = this;
    return encodeSections(FORMAT, VERSION, { blockBytes, bytes }, [['hashes', this.#hashes]]);
  }
}

export async function blockHashesOf(
  file: Uint8Array<ArrayBuffer>,
  blockBytes: number,
  signal?: AbortSignal,
): Promise<BlockHashes> {
  const hashes = new BigUint64Array(Math.ceil(file.length / blockBytes));
  for (let start = 0; start < hashes.length; start += BATCH) {
    throwIfAborted(signal);
    const batch = Array.from({ length: Math.min(BATCH, hashes.length - start) }, async (_, i) => {
      const at = (start + i) * blockBytes;
      hashes[start + i] = BigInt(`0x${await hashOf(file.subarray(at, at + blockBytes))}`);
    });
    await Promise.all(batch);
  }
  return new BlockHashes(blockBytes, file.length, hashes);
}

/** @throws AppError INTEGRITY where they are not those of a file of so many bytes */
export async function decodeBlockHashes(file: Uint8Array<ArrayBuffer>, bytes: number): Promise<BlockHashes> {
  const sections = await decodeSections(file, FORMAT, VERSION);
  const told = requireNumber(sections, FORMAT, 'bytes');
  if (told !== bytes) throw damaged(`it is of a file of ${told} bytes, this one has ${bytes}`);
  const hashes = requireWords(requireSection(sections, FORMAT, 'hashes'), FORMAT, BigUint64Array);
  return new BlockHashes(requireNumber(sections, FORMAT, 'blockBytes'), bytes, hashes);
}
