import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DocumentFile } from '../src/protocol/corpus';
import { readPassages } from '../src/retrieval/documents/read-passages';
import { documentFiles } from './document-file';

const texts = Array.from({ length: 1200 }, (_, i) => `The river ${i} ${(i * 7919).toString(36)} flows.`);

let folder: string;
let path: string;
let whole: Uint8Array;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-document-'));
  path = join(folder, 'rivers.parquet');
  const columnData = [
    { name: 'id', data: texts.map((_, i) => `r${i}`) },
    { name: 'text', data: texts },
  ];
  whole = new Uint8Array(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED', rowGroupSize: 100 }));
  await writeFile(path, whole);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function onlyFile(): Promise<DocumentFile> {
  const [file] = await documentFiles(path);
  if (!file) throw new Error('There is no file.');
  return file;
}
async function textsOf(file: DocumentFile): Promise<string[]> {
  const found: string[] = [];
  for await (const { text } of readPassages(file)) found.push(text);
  return found;
}

describe('a Parquet file on the command line', () => {
  it('is read one group of rows after the other, never whole', async () => {
    const file = await onlyFile();
    const parts: number[] = [];
    const watched: DocumentFile = {
      ...file,
      stream: () => {
        throw new Error('read whole');
      },
      range: async (start, end) => {
        parts.push(end - start);
        return (await file.range?.(start, end)) ?? new Uint8Array();
      },
    };
    expect(await textsOf(watched)).toEqual(texts);
    expect(parts.length).toBeGreaterThan(12);
    expect(Math.max(...parts)).toBeLessThan(file.size / 6);
  });

  it('that shrinks or goes away while it is read is told as such', async () => {
    for (const change of [() => truncate(path, 3000), () => rm(path)]) {
      await writeFile(path, whole);
      const reading = readPassages(await onlyFile());
      expect((await reading.next()).value).toMatchObject({ id: 'r0' });
      await change();
      const rest = async (): Promise<void> => {
        for await (const { id } of reading) expect(id).toMatch(/^r/);
      };
      await expect(rest()).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: 'rivers.parquet could not be read.',
      });
    }
  });
});
