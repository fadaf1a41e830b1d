import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { blockHashesOf, decodeBlockHashes } from './block-hashes';
import { decodeOffsets, encodeOffsets, offsetsOf } from './passage-offsets';

describe('hashes of blocks', () => {
  it('come back as they were, and belong to one file alone', async () => {
    const file = Uint8Array.from({ length: 5_000 }, (_, i) => i * 7 + (i >> 10));
    const hashes = await decodeBlockHashes(await (await blockHashesOf(file, 1024)).encode(), file.length);
    expect(hashes.count).toBe(5);
    for (let i = 0; i < 5; i += 1) {
      const block = file.slice(i * 1024, (i + 1) * 1024);
      expect(await hashes.isBlock(i, block)).toBe(true);
      expect(await hashes.isBlock((i + 1) % 5, block)).toBe(false);
      block[100] = (block[100] ?? 0) ^ 1;
      expect(await hashes.isBlock(i, block)).toBe(false);
    }
    expect(await hashes.isBlock(5, new Uint8Array(0))).toBe(false);
    const encoded = await hashes.encode();
    await expect(decodeBlockHashes(encoded, 4_999)).rejects.toMatchObject({ code: 'INTEGRITY' });
    await expect(decodeBlockHashes(encoded.slice(0, -8), 5_000)).rejects.toMatchObject({ code: 'INTEGRITY' });
    await expect(blockHashesOf(file, 1024, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('of nothing are none', async () => {
    const none = await blockHashesOf(new Uint8Array(0), 4096);
    expect((await decodeBlockHashes(await none.encode(), 0)).count).toBe(0);
  });
});

describe('the tables of a pack', () => {
  it('altered anywhere, are as they were, or refused: 2,000 times each', async () => {
    const file = Uint8Array.from({ length: 5_000 }, (_, i) => (i % 50 === 49 ? 10 : 65 + (i % 20)));
    const tables = [
      {
        bytes: await (await blockHashesOf(file, 1024)).encode(),
        decode: async (bytes: Uint8Array<ArrayBuffer>) =>
          (await decodeBlockHashes(bytes, file.length)).isBlock(0, file.slice(0, 1024)),
      },
      {
        bytes: await encodeOffsets(offsetsOf(file)),
        decode: async (bytes: Uint8Array<ArrayBuffer>) =>
          (await decodeOffsets(bytes, { passages: 100, bytes: file.length })).isLine(0, file.subarray(0, 50)),
      },
    ];
    for (const { bytes, decode } of tables) {
      const change = fc.record({
        at: fc.nat(bytes.length - 1),
        take: fc.nat(12),
        put: fc.uint8Array({ maxLength: 12 }),
      });
      await fc.assert(
        fc.asyncProperty(change, async ({ at, take, put }) => {
          const altered = Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + take)]);
          const outcome = await decode(altered).catch((error: unknown) => error);
          // The header is not covered by its hash, so blanks in it may change; what it says may not.
          if (!(outcome instanceof AppError)) expect(outcome).toBe(true);
        }),
        { numRuns: 2_000 },
      );
    }
  });
});
