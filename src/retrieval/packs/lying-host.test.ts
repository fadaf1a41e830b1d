import 'fake-indexeddb/auto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../../tests/retrieval/memory-device';
import { Asking } from '../../../tests/servers/asking';
import { LIES, startLyingServer, type Lie, type LyingServer } from '../../../tests/servers/lying-server';
import {
  bucketEncoderOf,
  madePassages,
  startPackServer,
  type PackServer,
} from '../../../tests/servers/pack-server';
import { AppError } from '../../protocol/errors';
import type { Hit } from '../../protocol/retrieval';
import { sha256Hex } from '../sha256';
import { fetchPack } from './fetch-pack';
import { openHttpPack } from './http-pack';
import { chunksOf, requirePackFile } from './pack-manifest';
import { openRangedPack, type RangedRetriever } from './ranged-pack';

const encoder = bucketEncoderOf(256);
const asking = new Asking();
const { tools } = asking;

let served: PackServer;
let liar: LyingServer;
beforeAll(async () => {
  served = await startPackServer({
    ...{ passages: madePassages(1_000), encoder, index: 'compact', chunkBytes: 60_000 },
  });
  liar = await startLyingServer(served.folder);
});
afterAll(() => Promise.all([served.close(), liar.close()]));
beforeEach(() => liar.lie(null));

const open = async (mode: 'dense' | 'bm25'): Promise<RangedRetriever> => {
  const pack = await openRangedPack(await openHttpPack(liar.url, tools));
  return pack.open(mode, () => Promise.resolve(encoder));
};

/** Runs the work while the host lies. Either it comes to the truth all the same, or it fails with one of the codes. */
async function underLie(
  lie: Lie,
  nameStart: string,
  expected: string,
  { work, truth }: { work: () => Promise<unknown>; truth: unknown },
): Promise<void> {
  liar.lie(lie, nameStart);
  const [sent, asked] = [liar.sent(), asking.asked.length];
  const outcome: unknown = await work().catch((error: unknown) => error);
  if (outcome instanceof Error) {
    if (!(outcome instanceof AppError)) throw outcome;
    expect(expected).toContain(outcome.code);
    expect(outcome.fix).not.toBe('');
  } else {
    expect(expected).toContain('the truth');
    expect(outcome).toEqual(truth);
  }
  // What is sent without end is not taken: only what lies between here and there, in the buffers of a connection.
  expect(liar.sent() - sent).toBeLessThan(8 * 2 ** 20 * (asking.asked.length - asked));
}

// Bytes without end are found out where they come at once with the right ones, and left where they are otherwise.
// What ends too soon is asked for again from there, as after a cut.
const ENDLESS = 'the truth, or BAD_RESPONSE';
const FEWER = 'the truth, or NETWORK';
// It has another length than the file, and says so or ends too soon.
const SHORT = 'INTEGRITY, or NETWORK';

describe('a host that lies about rows', () => {
  const OUTCOMES: Record<Lie, string> = {
    ...{ 'other start': 'BAD_RESPONSE', 'other end': 'BAD_RESPONSE', 'other total': 'INTEGRITY' },
    ...{ nonsense: 'BAD_RESPONSE', unsaid: 'the truth', 'unsaid, others': 'INTEGRITY', others: 'INTEGRITY' },
    ...{ whole: 'BAD_RESPONSE', endless: ENDLESS, fewer: FEWER, empty: 'NETWORK', page: 'BAD_RESPONSE' },
  };
  const QUERY = ['stone bridge 7'];
  let truth: Hit[][];
  beforeAll(async () => {
    truth = await (await open('dense')).search(QUERY, 4);
  });

  it.each(LIES)('(%s) is found out, or does no harm', async (lie) => {
    const retriever = await open('dense');
    await underLie(lie, 'vectors.bin', OUTCOMES[lie], { work: () => retriever.search(QUERY, 4), truth });
    liar.lie(null);
    // What was wrong is not kept.
    expect(await retriever.search(QUERY, 4)).toEqual(truth);
  });
});

describe('a host that lies about passages', () => {
  const OUTCOMES: Record<Lie, string> = {
    ...{ 'other start': 'BAD_RESPONSE', 'other end': 'BAD_RESPONSE', 'other total': 'INTEGRITY' },
    ...{ nonsense: 'BAD_RESPONSE', unsaid: 'the truth', 'unsaid, others': 'INTEGRITY', others: 'INTEGRITY' },
    ...{ whole: 'the truth', endless: ENDLESS, fewer: FEWER, empty: 'NETWORK', page: SHORT },
  };
  const QUERY = ['lamp 42'];
  let truth: Hit[][];
  beforeAll(async () => {
    truth = await (await open('bm25')).search(QUERY, 3);
  });

  it.each(LIES)('(%s) is found out, or does no harm', async (lie) => {
    const retriever = await open('bm25');
    await underLie(lie, 'passages.jsonl', OUTCOMES[lie], { work: () => retriever.search(QUERY, 3), truth });
    liar.lie(null);
    expect(await retriever.search(QUERY, 3)).toEqual(truth);
  });
});

describe('a host that lies about whole files', () => {
  const OUTCOMES: Record<Lie, string> = {
    ...{ 'other start': 'BAD_RESPONSE', 'other end': 'BAD_RESPONSE', 'other total': 'INTEGRITY' },
    ...{ nonsense: 'BAD_RESPONSE', unsaid: 'the truth', 'unsaid, others': 'INTEGRITY', others: 'INTEGRITY' },
    ...{ whole: 'the truth', endless: ENDLESS, fewer: FEWER, empty: 'NETWORK', page: SHORT },
  };

  it.each(LIES)('(%s) is found out, or does no harm; a corpus is there whole or not at all', async (lie) => {
    const store = new MemoryDevice().reopen();
    const pack = await openHttpPack(liar.url, tools);
    const work = async (): Promise<unknown> => (await fetchPack(pack, { store, now: () => '' })).passages;
    await underLie(lie, 'bm25.bin', OUTCOMES[lie], { work, truth: 1_000 });
    const corpora = await store.list();
    liar.lie(null);
    if (corpora.length === 0) await work();
    const [record] = await store.list();
    const stored = await store.read(record?.id ?? '', 'bm25.bin');
    const hash = served.manifest.files.find(({ name }) => name === 'bm25.bin')?.sha256;
    expect(await sha256Hex(stored)).toBe(hash);
  });
});

describe('a host whose files change', () => {
  it('while they are read is told from one that they are the same on', async () => {
    const path = join(served.folder, 'passages.jsonl.00001');
    const retriever = await open('bm25');
    const sound = await readFile(path, 'utf8');
    await writeFile(path, sound.replaceAll('river', 'RIVER'));
    try {
      await expect(retriever.search(['lamp 1 river'], 3)).rejects.toMatchObject({ code: 'INTEGRITY' });
    } finally {
      await writeFile(path, sound);
    }
  });

  it('between its manifest and its tables is no host of that pack', async () => {
    const pack = await openHttpPack(liar.url, tools);
    for (const name of ['passages.idx', 'passages.hashes', 'bm25.bin', 'signs.bin', 'vectors.idx']) {
      const [chunk] = chunksOf(requirePackFile(served.manifest, name));
      const path = join(served.folder, chunk?.path ?? '');
      const sound = await readFile(path);
      await writeFile(
        path,
        sound.map((byte, at) => (at === 300 ? byte ^ 4 : byte)),
      );
      try {
        const opening = async () =>
          (await openRangedPack(pack)).open('hybrid', () => Promise.resolve(encoder));
        await expect(opening()).rejects.toMatchObject({ code: 'INTEGRITY' });
      } finally {
        await writeFile(path, sound);
      }
    }
  });
});
