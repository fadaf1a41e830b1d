import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Asking } from '../../../tests/servers/asking';
import {
  bucketEncoderOf,
  madePassages,
  startPackServer,
  type PackServer,
} from '../../../tests/servers/pack-server';
import { AppError } from '../../protocol/errors';
import { byteRows, meanOf, PlainIndex } from '../dense';
import { openHttpPack } from './http-pack';
import { packFile, requireSearchable } from './pack-manifest';
import { openRangedPack, residentBytes } from './ranged-pack';

const passages = madePassages(1_000);
const bucketEncoder = bucketEncoderOf(256);
const encoder = () => Promise.resolve(bucketEncoder);

const asking = new Asking();
const { tools } = asking;

let served: PackServer;
beforeAll(async () => {
  served = await startPackServer({ passages, encoder: bucketEncoder, index: 'compact', chunkBytes: 50_000 });
});
afterAll(() => served.close());
beforeEach(() => {
  asking.forget();
  served.hub.heal();
  served.hub.requests.length = 0;
});

const opened = async () => openRangedPack(await openHttpPack(served.url, tools));

describe('a compact pack read by range', () => {
  it('has its signs here and takes of the rows those that it looks at', async () => {
    const pack = await opened();
    const retriever = await pack.open('dense', encoder);
    const http = await openHttpPack(served.url, tools);
    const bytesOf = (name: string): number => packFile(http.manifest, name)?.bytes ?? NaN;
    expect(bytesOf('vectors.bin')).toBeGreaterThan(250_000);
    const tables = bytesOf('passages.idx') + bytesOf('passages.hashes');
    const resident = bytesOf('signs.bin') + bytesOf('vectors.idx') + tables;
    expect(residentBytes(http, 'dense')).toBe(resident);
    expect(residentBytes(http, 'hybrid')).toBe(resident + bytesOf('bm25.bin'));
    const sent = (part: string): number =>
      served.hub.requests.reduce((sum, { path, sent }) => sum + (path.includes(part) ? sent : 0), 0);
    const before = sent('vectors.bin');
    const [hits = []] = await retriever.search(['tower bell night 17'], 1);
    expect(hits).toHaveLength(1);
    expect(retriever.vectors).toMatchObject({ kind: 'compact', dtype: 'int8' });
    expect(sent('vectors.bin') - before).toBeLessThan(bytesOf('vectors.bin') / 4);
    expect(sent('signs.bin')).toBe(bytesOf('signs.bin'));
  });

  it('finds with many candidates what a scan of all int8 rows finds, with its scores', async () => {
    const vectors = await bucketEncoder.embedPassages(passages);
    const exact = new PlainIndex(byteRows(vectors, meanOf(vectors, bucketEncoder.dimensions)));
    const query = 'heron lamp 942';
    const [vector = new Float32Array(0)] = await bucketEncoder.embedQueries([query]);
    const [best] = await exact.search([vector], 3);
    const [hits = []] = await (await (await opened()).open('dense', encoder)).search([query], 3);
    expect(hits.map(({ score }) => score)).toEqual([...(best?.scores ?? [])]);
  });

  it('asks for no rows twice, and for nothing again in another mode', async () => {
    const pack = await opened();
    const retriever = await pack.open('dense', encoder);
    await retriever.search(['otter island'], 4);
    const [rows, signs] = [asking.about('vectors.bin').length, asking.about('signs.bin').length];
    expect(rows).toBeGreaterThan(0);
    await retriever.search(['otter island'], 4);
    const both = await pack.open('hybrid', encoder);
    expect(both.vectors).toMatchObject({ kind: 'compact' });
    expect([asking.about('vectors.bin').length, asking.about('signs.bin').length]).toEqual([rows, signs]);
    expect(await both.search(['otter island'], 4)).toHaveLength(1);
  });

  it('is opened by two searches at once as by one; the first of them stopped, the second goes on', async () => {
    const pack = await opened();
    const stop = new AbortController();
    const first = pack.open('dense', encoder, () => stop.abort(), stop.signal);
    const second = pack.open('dense', encoder);
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await second).vectors).toMatchObject({ kind: 'compact' });
  });

  it('is refused when the encoder at hand makes other vectors', async () => {
    const other = {
      ...bucketEncoder,
      embedPassages: () => Promise.resolve([new Float32Array(256).fill(1 / 16)]),
    };
    await expect((await opened()).open('dense', () => Promise.resolve(other))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: /encoder has changed/,
    });
  });

  it('tells a row that was altered on the host', async () => {
    const retriever = await (await opened()).open('dense', encoder);
    const names = packFile(served.manifest, 'vectors.bin')?.chunks.map(
      (_, i) => `vectors.bin.${String(i + 1).padStart(5, '0')}`,
    );
    const sound = new Map<string, Buffer>();
    for (const name of names ?? []) {
      const path = join(served.folder, name);
      const bytes = await readFile(path);
      sound.set(path, bytes);
      // One bit of every row.
      await writeFile(
        path,
        bytes.map((byte, at) => (at % 256 === 3 ? byte ^ 1 : byte)),
      );
    }
    try {
      await expect(retriever.search(['keeper noon 881'], 5)).rejects.toMatchObject({
        code: 'INTEGRITY',
        message: /vectors\.bin is not what it was/,
      });
    } finally {
      for (const [path, bytes] of sound) await writeFile(path, bytes);
    }
    expect(await retriever.search(['keeper noon 881'], 5)).toHaveLength(1);
  });

  it('without its signs, or its table of blocks, is no pack', () => {
    const without = (name: string) => ({
      ...served.manifest,
      files: served.manifest.files.filter((file) => file.name !== name),
    });
    for (const name of ['signs.bin', 'vectors.bin', 'bm25.bin', 'passages.jsonl']) {
      expect(() => requireSearchable(without(name))).toThrow(AppError);
    }
    expect(() => requireSearchable(served.manifest)).not.toThrow();
  });
});
