import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bucketEncoder, startPackServer, type PackServer } from '../../../tests/servers/pack-server';
import { crc32 } from './crc32';
import { openHttpPack } from './http-pack';
import { PACK_MANIFEST, type PackManifest } from './pack-manifest';
import { openRangedPack, passageCheck } from './ranged-pack';

const tools = { fetch, clock: { now: () => performance.now(), sleep: () => Promise.resolve() } };

let served: PackServer;
beforeEach(async () => {
  served = await startPackServer({ chunkBytes: 1 << 20 });
});
afterEach(() => served.close());

/** x³² + x²⁶ + … + 1, the bits as CRC-32 takes them: whatever it is laid over, wherever, the checksum stays. */
const POLYNOMIAL = [0x41, 0x06, 0x71, 0xdb, 0x01];

/** Other letters of the same checksum: several of its multiples tried, until all that comes of one can be read. */
function forged(line: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(line);
  const [from, to] = [text.indexOf('"text":"') + 8, text.indexOf('","metadata')];
  for (let shifts = 1; shifts < 1 << 14; shifts++) {
    for (let at = from; at + 7 <= to; at++) {
      const changed = line.slice();
      for (let shift = 0; shift < 14; shift++) {
        if (((shifts >> shift) & 1) === 0) continue;
        POLYNOMIAL.forEach((byte, i) => {
          const bits = byte << (shift % 8);
          const place = at + i + Math.floor(shift / 8);
          changed[place] = (changed[place] ?? 0) ^ (bits & 0xff);
          changed[place + 1] = (changed[place + 1] ?? 0) ^ (bits >> 8);
        });
      }
      const inside = changed.subarray(from, to);
      const legible = inside.every((byte) => byte >= 32 && byte < 127 && byte !== 34 && byte !== 92);
      if (legible && changed.every((byte, i) => (i >= from && i < to) || byte === line[i])) return changed;
    }
  }
  throw new Error('No other text has this checksum.');
}

/** The first passage is another one, as long, with the same CRC-32. */
async function forgeFirst(): Promise<string> {
  const path = join(served.folder, 'passages.jsonl');
  const file = new Uint8Array(await readFile(path));
  const line = file.slice(0, file.indexOf(10) + 1);
  const other = forged(line);
  expect(other).not.toEqual(line);
  expect(crc32(other)).toBe(crc32(line));
  file.set(other);
  await writeFile(path, file);
  return (JSON.parse(new TextDecoder().decode(other)) as { text: string }).text;
}

const firstText = async (): Promise<string | undefined> => {
  const pack = await openRangedPack(await openHttpPack(served.url, tools));
  const retriever = await pack.open('bm25', () => Promise.resolve(bucketEncoder));
  expect((await retriever.search(['heron'], 3))[0]).toHaveLength(3);
  return (await pack.passages.fetch([0])).get(0)?.text;
};

it('a passage that was forged on its host, checksum and all, is found out by the hash of its block', async () => {
  expect(passageCheck(await openHttpPack(served.url, tools))).toBe('sha256');
  const sound = await firstText();
  const text = await forgeFirst();
  expect(text).not.toBe(sound);
  await expect(firstText()).rejects.toMatchObject({
    code: 'INTEGRITY',
    message: 'passages.jsonl is not what it was when the index was built.',
  });
});

it('a pack of an earlier version, without these hashes, is opened still, and said to be checked by CRC-32', async () => {
  const path = join(served.folder, PACK_MANIFEST);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as PackManifest;
  const files = manifest.files.filter(({ name }) => name !== 'passages.hashes');
  expect(files).toHaveLength(manifest.files.length - 1);
  await writeFile(path, JSON.stringify({ ...manifest, files }));
  expect(passageCheck(await openHttpPack(served.url, tools))).toBe('crc32');
  // This is what it cannot tell.
  const text = await forgeFirst();
  expect(await firstText()).toBe(text);
});
