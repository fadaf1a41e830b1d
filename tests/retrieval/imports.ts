/** Made passages, and an encoder that counts what it embeds. */
import { expect } from 'vitest';
import { nodeUsearchModule } from '../../src/platform/node/usearch';
import type { CorpusStoreParts } from '../../src/platform/storage/corpus-store';
import { CORPUS_FILES, type EncoderIdentity, type ImportFile } from '../../src/protocol/corpus';
import { AppError } from '../../src/protocol/errors';
import type { Encoder, Passage } from '../../src/protocol/retrieval';
import type { StagingStore } from '../../src/protocol/staged-corpus';
import { decodeBm25 } from '../../src/retrieval/bm25/bm25-file';
import { decodeVectors } from '../../src/retrieval/dense';
import type { ImportTools } from '../../src/retrieval/importing/import-tools';
import { PassageFile } from '../../src/retrieval/passage-file';
import { MemoryDevice } from './memory-device';

export const identity: EncoderIdentity = { model: 'counting', revision: '1', dimensions: 4, dtype: 'fp32' };

/** A unit vector that follows from the text, so that what belongs together can be seen. */
function vectorOf({ title, text }: Pick<Passage, 'title' | 'text'>): Float32Array {
  const sums = [1, 1, 1, 1];
  [...`${title}|${text}`].forEach((unit, i) => (sums[i % 4] = (sums[i % 4] ?? 0) + unit.charCodeAt(0)));
  const norm = Math.hypot(...sums);
  return Float32Array.from(sums, (sum) => sum / norm);
}

/** Counts what it embeds; fails where it is told to. */
export class CountingEncoder implements Encoder {
  readonly dimensions = 4;
  embedded: string[] = [];
  failAfter = Infinity;

  embedQueries(): Promise<Float32Array[]> {
    return Promise.resolve([]);
  }

  embedPassages(passages: readonly Passage[]): Promise<Float32Array[]> {
    if (this.embedded.length >= this.failAfter) {
      return Promise.reject(new AppError('NETWORK', 'gone', { recoverable: true }));
    }
    this.embedded.push(...passages.map(({ text }) => text));
    return Promise.resolve(passages.map(vectorOf));
  }
}

export const rowsFile = (path: string, rows: readonly object[]): ImportFile => ({
  path,
  file: new Blob([rows.map((row) => JSON.stringify(row)).join('\n')]),
});
export const rivers = (n: number, from = 0) =>
  Array.from({ length: n }, (_, i) => ({
    id: `r${from + i}`,
    title: `River ${from + i}`,
    text: `The river number ${from + i} ${'flows on '.repeat((from + i) % 7)}to the sea.`,
  }));
export const request = (list: readonly object[], wanted: string | null = 'counting') => ({
  ...{ name: 'Rivers', encoder: wanted, files: [rowsFile('rivers.jsonl', list)] },
});
export const ENCODER = { id: 'counting' };

/** Everything of a stored corpus fits together, whichever way it came about. */
export async function requireWhole(
  store: StagingStore,
  id: string,
  expected: readonly Passage[],
): Promise<void> {
  const record = (await store.list()).find((one) => one.id === id);
  const passages = new PassageFile(await store.read(id, CORPUS_FILES.passages));
  expect([...passages]).toEqual(expected);
  expect(record?.passages).toBe(expected.length);
  const bm25 = await decodeBm25(await store.read(id, CORPUS_FILES.bm25));
  const last = expected.at(-1);
  const [row] = bm25.search(last?.title ?? '', 1).rows;
  expect(expected[row ?? -1]?.title).toBe(last?.title);
  if (!record?.encoder) return;
  const vectors = await decodeVectors(await store.read(id, CORPUS_FILES.vectors));
  expected.forEach((passage, i) => {
    const own = vectorOf(passage);
    const cosine = own.reduce((sum, x, d) => sum + x * (vectors.rowAt(i)[d] ?? 0), 0);
    expect(cosine).toBeGreaterThan(0.999);
  });
}

let ids = 0;
const now = (): string => new Date(Date.UTC(2026, 0, 1)).toISOString();

/** A device with an encoder that counts. */
export class ImportDevice extends MemoryDevice {
  readonly encoder = new CountingEncoder();

  override reopen(parts: Partial<CorpusStoreParts> = {}): StagingStore {
    return super.reopen({ newId: () => `id-${++ids}`, ...parts });
  }

  toolsOf(store = this.reopen()): ImportTools {
    const { encoder } = this;
    const loadEncoder = () => Promise.resolve({ encoder, identity });
    return { store, loadEncoder, now, openUsearch: nodeUsearchModule };
  }
}
