import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import type { DocumentFile } from '../../protocol/corpus';
import { rangesOf } from './byte-ranges';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS } from './limits';
import { checkedMetadata } from './parquet-check';
import { readPassages } from './read-passages';

const COUNT = 3000;
const texts = Array.from({ length: COUNT }, (_, i) => `The river ${i} ${(i * 7919).toString(36)} flows.`);
const bytes = parquetWriteBuffer({
  columnData: [
    { name: 'id', data: texts.map((_, i) => `r${i}`) },
    { name: 'text', data: texts },
  ],
  codec: 'UNCOMPRESSED',
  rowGroupSize: 500,
});
const file = fileOf('rivers.parquet', new Blob([bytes]));

async function textsOf(given: DocumentFile, limits = DEFAULT_LIMITS): Promise<string[]> {
  const found: string[] = [];
  for await (const { text } of readPassages(given, { limits })) found.push(text);
  return found;
}

describe('a Parquet file that can be read in parts', () => {
  it('is never held whole: its parts are those of one group of rows', async () => {
    let longest = 0;
    const watched: DocumentFile = {
      ...file,
      stream: () => {
        throw new Error('read whole');
      },
      range: async (start, end) => {
        longest = Math.max(longest, end - start);
        return (await file.range?.(start, end)) ?? new Uint8Array();
      },
    };
    expect(await textsOf(watched)).toEqual(texts);
    expect(longest).toBeLessThan(bytes.byteLength / 4);
  });

  it('may be larger than what is read whole, as long as its groups are not', async () => {
    expect(await textsOf(file, { ...DEFAULT_LIMITS, wholeBytes: bytes.byteLength / 4 })).toEqual(texts);
    await expect(textsOf(file, { ...DEFAULT_LIMITS, wholeBytes: 5000 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('group of rows') as unknown,
    });
  });

  it('is read whole where it cannot', async () => {
    const { name, size, stream } = file;
    expect(await textsOf({ name, size, stream })).toEqual(texts);
  });

  it('that goes away, or is damaged in a later group, is told as such', async () => {
    const gone = { ...file, range: () => Promise.reject(new DOMException('gone', 'NotReadableError')) };
    await expect(textsOf(gone)).rejects.toMatchObject({ message: 'rivers.parquet could not be read.' });
    const { row_groups: groups } = await checkedMetadata(rangesOf(new Uint8Array(bytes)));
    const damaged = new Uint8Array(bytes.slice(0));
    damaged.fill(0xff, Number(groups[3]?.columns[1]?.meta_data?.data_page_offset), undefined);
    damaged.set(new Uint8Array(bytes.slice(-4000)), bytes.byteLength - 4000);
    const found: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const { text } of readPassages(fileOf('rivers.parquet', new Blob([damaged]))))
        found.push(text);
    };
    await expect(reading()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'rivers.parquet is not a Parquet file that can be read.',
    });
    expect(found).toEqual(texts.slice(0, 1500));
  });
});
