/**
 * A pack of many made passages with a compact index, by what `s3 index build` is made of; and the passages as JSON lines, compressed.
 * `tsx million-pack.ts FOLDER [passages]`
 */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { CORPUS_FILES, type CorpusFile } from '../../src/protocol/corpus';
import type { Passage } from '../../src/protocol/retrieval';
import { Bm25Builder } from '../../src/retrieval/bm25/bm25-builder';
import { encodeBm25 } from '../../src/retrieval/bm25/bm25-file';
import { buildVectorIndex } from '../../src/retrieval/build-vector-index';
import { ByteRowWriter, emptyByteRows, encodeVectors, meanOf } from '../../src/retrieval/dense';
import { joined } from '../../src/retrieval/packs/http-pack';
import { packParts } from '../../src/retrieval/packs/write-pack';
import { encodePassages } from '../../src/retrieval/passage-file';
import { toIndexedText } from '../../src/retrieval/passage-text';
import { DIMENSIONS, IDENTITY, madePassages, vectorMaker } from './million-corpus';

const spent = (): string => {
  const { user, system } = process.cpuUsage();
  return `${((user + system) / 1e6).toFixed(0)} s of the processor, most resident ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`;
};

/** Rows of which the mean is taken: of so many the mean of all differs by nothing that shows. */
const MEAN_ROWS = 20_000;

function linesOf(count: number, words: Bm25Builder): Uint8Array<ArrayBuffer> {
  const lines: Uint8Array[] = [];
  const batch: Passage[] = [];
  for (const passage of madePassages(count)) {
    words.add(toIndexedText(passage));
    if (batch.push(passage) === 1_000) lines.push(encodePassages(batch.splice(0)));
  }
  lines.push(encodePassages(batch));
  return joined(
    lines,
    lines.reduce((sum, { length }) => sum + length, 0),
  );
}

async function* files(count: number): AsyncGenerator<CorpusFile> {
  const words = new Bm25Builder();
  const passages = linesOf(count, words);
  console.log(`passages made: ${passages.length} bytes; ${spent()}`);
  yield { name: CORPUS_FILES.passages, bytes: passages };
  yield { name: CORPUS_FILES.bm25, bytes: await encodeBm25(words.build()) };
  console.log(`words indexed: ${spent()}`);

  const vectorOf = vectorMaker();
  const sample = Math.min(count, MEAN_ROWS);
  function* some(): Generator<Float32Array> {
    for (let i = 0; i < sample; i++) yield vectorOf(Math.floor((i * count) / sample));
  }
  const rows = emptyByteRows(count, meanOf(some(), DIMENSIONS));
  const writer = new ByteRowWriter(rows);
  for (let row = 0; row < count; row++) writer.write(row, vectorOf(row));
  console.log(`vectors made: ${spent()}`);
  yield { name: CORPUS_FILES.vectors, bytes: await encodeVectors(rows) };
  const signs = await buildVectorIndex(rows, 'compact');
  console.log(`reduced to one bit: ${spent()}`);
  if (signs) yield signs;
}

async function main(): Promise<void> {
  const [folder = '', given = '1000000'] = process.argv.slice(2);
  if (folder === '') throw new Error('Give a folder to write to.');
  const count = Number(given);
  await mkdir(join(folder, 'pack'), { recursive: true });
  const facts = {
    ...{ name: 'Made', createdAt: '2026-11-22T00:00:00Z', passages: count },
    ...{ encoder: IDENTITY, index: 'compact' as const },
  };
  let bytes = 0;
  for await (const part of packParts(facts, files(count))) {
    await writeFile(join(folder, 'pack', part.path), part.bytes);
    bytes += part.bytes.length;
  }
  console.log(`pack of ${bytes} bytes written: ${spent()}`);
  function* lines(): Generator<string> {
    for (const passage of madePassages(count)) yield `${JSON.stringify(passage)}\n`;
  }
  const out = createWriteStream(join(folder, 'passages.jsonl.gz'));
  await pipeline(Readable.from(lines()), createGzip({ level: 1 }), out);
  console.log(`passages compressed: ${spent()}`);
}

await main();
