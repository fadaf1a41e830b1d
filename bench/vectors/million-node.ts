/** A pack on the disk opened and searched in this process, which does nothing else. `tsx million-node.ts FOLDER` */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { CORPUS_FILES, type StoredFile } from '../../src/protocol/corpus';
import type { Encoder } from '../../src/protocol/retrieval';
import { Bm25Retriever } from '../../src/retrieval/bm25/bm25-retriever';
import { openCorpusFiles } from '../../src/retrieval/corpus-files';
import { DenseRetriever } from '../../src/retrieval/dense';
import type { RowRetriever } from '../../src/retrieval/hits';
import { HybridRetriever } from '../../src/retrieval/hybrid/hybrid-retriever';
import { joined } from '../../src/retrieval/packs/http-pack';
import { chunksOf, packFile, parsePackManifest } from '../../src/retrieval/packs/pack-manifest';
import { sha256Hex } from '../../src/retrieval/sha256';
import type { CorpusFileSource } from '../../src/retrieval/vector-index';
import { digits, summarise } from '../statistics';
import { IDENTITY, madeEncoders, madeQueries } from './million-corpus';

const folder = join(process.argv[2] ?? '', 'pack');
const QUERIES = madeQueries(50);
const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const resident = (): string =>
  `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MB resident, at most ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`;

/** As the command line reads it: chunk by chunk, each checked. */
async function source(): Promise<CorpusFileSource> {
  const manifest = parsePackManifest(await readFile(join(folder, 'corpus.json')));
  const chunks = (name: string) => {
    const file = packFile(manifest, name);
    if (!file) throw new Error(`There is no ${name}.`);
    return { bytes: file.bytes, list: chunksOf(file) };
  };
  async function* pieces(name: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const { path, sha256 } of chunks(name).list) {
      const bytes = new Uint8Array(await readFile(join(folder, path)));
      if ((await sha256Hex(bytes)) !== sha256) throw new Error(`${path} is not what was written.`);
      yield bytes;
    }
  }
  return {
    has: (name) => packFile(manifest, name) !== undefined,
    open: (name): Promise<StoredFile> =>
      Promise.resolve({ bytes: chunks(name).bytes, pieces: () => pieces(name) }),
    async read(name) {
      const parts: Uint8Array[] = [];
      for await (const piece of pieces(name)) parts.push(piece);
      return joined(parts, chunks(name).bytes);
    },
    async readRange(name, start, bytes) {
      const part = new Uint8Array(bytes);
      for (const { path, offset, bytes: length } of chunks(name).list) {
        const [from, to] = [Math.max(start, offset), Math.min(start + bytes, offset + length)];
        if (from >= to) continue;
        const handle = await open(join(folder, path));
        await handle.read(part, from - start, to - from, from - offset);
        await handle.close();
      }
      return part;
    },
  };
}

async function ask(name: string, openRetriever: () => Promise<RowRetriever>): Promise<RowRetriever> {
  const started = spent();
  const retriever = await openRetriever();
  const [first = '', ...rest] = QUERIES;
  await retriever.search([first], 10);
  const opened = spent() - started;
  const ms: number[] = [];
  for (const query of rest) {
    const before = spent();
    const [hits] = await retriever.search([query], 10);
    if (!hits || hits.length === 0) throw new Error('Nothing was found.');
    ms.push((spent() - before) * 1000);
  }
  const { median, least, most } = summarise(ms);
  console.log(
    `${name}: opened, with the first question, in ${digits(opened)} s of the processor; each further one ${digits(median)} ms (${digits(least)} to ${digits(most)}); ${resident()}`,
  );
  return retriever;
}

async function main(): Promise<void> {
  console.log(`before: ${resident()}`);
  const service = madeEncoders();
  const request = { id: IDENTITY.model };
  const encoder: Encoder = {
    dimensions: IDENTITY.dimensions,
    embedQueries: (texts) => service.embedQueries(request, texts),
    embedPassages: (passages) => service.embedPassages(request, passages),
  };
  const corpus = await openCorpusFiles(await source(), 'compact');
  const { passages } = corpus;
  console.log(
    `${passages.length} passages; ${CORPUS_FILES.passages} takes ${passages.memoryBytes} bytes; ${resident()}`,
  );
  const words = await ask('words', async () => new Bm25Retriever(await corpus.bm25(), passages));
  const vectors = await ask('vectors', async () => {
    const index = await corpus.openVectors?.(encoder);
    if (!index) throw new Error('There are no vectors.');
    return new DenseRetriever(index, encoder, passages);
  });
  await ask('both', () => Promise.resolve(new HybridRetriever(vectors, words, passages)));
}

await main();
