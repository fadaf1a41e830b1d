import { describe, expect, it } from 'vitest';
import { denseRows } from './build-rows';
import { PlainIndex } from './dense-index';
import { DenseRetriever } from './dense-retriever';

const vector = (...values: number[]): Float32Array => Float32Array.from(values);

describe('the dense retriever', () => {
  const passages = [
    { id: 'a', title: 'A', text: 'x' },
    { id: 'b', title: 'B', text: 'y' },
  ];
  const encoder = {
    embedQueries: (texts: readonly string[]) => Promise.resolve(texts.map(() => vector(1, 0))),
  };
  const index = new PlainIndex(denseRows([vector(0, 1), vector(1, 0)], 2));

  it('gives passages with ranks', async () => {
    const retriever = new DenseRetriever(index, encoder, passages);
    const [hits] = await retriever.search(['q'], 5);
    expect(hits?.map(({ passage, rank, score }) => [passage.id, rank, score])).toEqual([
      ['b', 1, 1],
      ['a', 2, 0],
    ]);
    expect(await retriever.search([], 5)).toEqual([]);
  });

  it('notices an index of another corpus', async () => {
    const retriever = new DenseRetriever(index, encoder, passages.slice(0, 1));
    await expect(retriever.search(['q'], 2)).rejects.toMatchObject({ code: 'INTEGRITY' });
  });
});
