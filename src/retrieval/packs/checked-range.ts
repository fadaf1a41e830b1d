/** Bytes from the middle of a pack's file, every block of them checked before any is used. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { RangeReader } from '../dense';
import { RecentMap } from '../remote/polite-client';
import type { BlockHashes } from './block-hashes';
import type { HttpPack } from './http-pack';
import type { PackFile } from './pack-manifest';

/** Longer reads are no reads of a few rows; a header that asks for one is not believed. */
const MOST_BYTES = 16 * 2 ** 20;

export interface CheckedRangeOptions {
  /** Blocks that stay in memory. */
  kept: number;
  /** As of `HttpPack.range`. */
  partsOnly: boolean;
}

/** @throws AppError as `HttpPack.range`; INTEGRITY where a block is not the one that was written */
export function checkedRange(
  pack: HttpPack,
  file: PackFile,
  hashes: BlockHashes,
  options: CheckedRangeOptions,
): RangeReader {
  const { blockBytes } = hashes;
  const { partsOnly } = options;
  const kept = new RecentMap<Uint8Array<ArrayBuffer>>(options.kept);

  async function fetchBlocks(first: number, last: number, signal: AbortSignal | undefined) {
    const start = first * blockBytes;
    const end = Math.min(file.bytes, (last + 1) * blockBytes);
    const bytes = await pack.range(file, start, end, { partsOnly, signal });
    const blocks = new Map<number, Uint8Array<ArrayBuffer>>();
    for (let index = first; index <= last; index += 1) {
      const at = index * blockBytes - start;
      const block = bytes.slice(at, at + blockBytes);
      if (!(await hashes.isBlock(index, block))) {
        throw new AppError('INTEGRITY', `${file.name} is not what it was when the index was built.`, {
          fix: 'The pack was changed or damaged on its host: each build needs a folder of its own.',
          context: { url: pack.url, firstByte: index * blockBytes },
        });
      }
      kept.set(String(index), block);
      blocks.set(index, block);
    }
    return blocks;
  }

  return async (start, bytes, signal) => {
    throwIfAborted(signal);
    if (start < 0 || bytes < 0 || start + bytes > file.bytes || bytes > MOST_BYTES) {
      throw new AppError('INTEGRITY', `${file.name} has no ${bytes} bytes from byte ${start} on.`, {
        fix: 'Build the index again.',
      });
    }
    const out = new Uint8Array(bytes);
    if (bytes === 0) return out;
    const [first, last] = [Math.floor(start / blockBytes), Math.floor((start + bytes - 1) / blockBytes)];
    const blocks = new Map<number, Uint8Array<ArrayBuffer>>();
    const missing: number[] = [];
    for (let index = first; index <= last; index += 1) {
      const block = kept.get(String(index));
      if (block) blocks.set(index, block);
      else missing.push(index);
    }
    const [from, to] = [missing[0], missing.at(-1)];
    if (from !== undefined && to !== undefined) {
      for (const [index, block] of await fetchBlocks(from, to, signal)) blocks.set(index, block);
    }
    for (const [index, block] of blocks) {
      const at = index * blockBytes - start;
      // The part of the block that was asked for.
      const part = block.subarray(Math.max(0, -at), Math.max(0, bytes - at));
      out.set(part, Math.max(0, at));
    }
    return out;
  };
}
