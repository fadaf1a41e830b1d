/**
 * Vectors of a real corpus by the demo's encoder, for measuring recall. They are made in parts, each written when it is done: what was
 * stopped goes on where it was, and what is there is not made again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { nodeEncoderPlatform } from '../../src/platform/node/encoder-platform';
import { DEMO_ENCODER } from '../../src/retrieval/encoder/catalog';
import { EncoderHost } from '../../src/retrieval/encoder/encoder-host';
import type { Passage } from '../../src/protocol/retrieval';
import { rowsOf } from './data';

export interface DemoVectorsOptions {
  /** JSONL, gzipped or not, with `id`, `title`, `text`. */
  corpus: string;
  /** Taken in even steps through the corpus. */
  passages: number;
  queries: number;
  /** Texts are cut to these; the encoder itself reads 256 tokens. */
  characters: number;
  /** Where the parts are kept, in a folder of their own for each choice of the above. */
  cache: string;
  print: (line: string) => void;
}

export interface DemoVectors {
  dimensions: number;
  passages: Float32Array[];
  /** Each a sentence of some passage, the second where there is one. */
  queries: Float32Array[];
}

const AT_ONCE = 500;
const models = fileURLToPath(new URL('../../models/', import.meta.url));

function readPassages(path: string, bytes: Buffer): Passage[] {
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const { id = '', title = '', text: of = '' } = JSON.parse(line) as Partial<Passage>;
      return { id, title, text: of };
    });
}

const sentenceOf = (text: string): string => (text.split(/(?<=[.?!])\s/)[1] ?? text).slice(0, 200);

/** One of `count` even steps through `all`. */
const at = <T>(all: readonly T[], i: number, count: number): T | undefined =>
  all[Math.floor(((i + 0.5) * all.length) / count)];

export async function demoVectors(options: DemoVectorsOptions): Promise<DemoVectors> {
  const { corpus, passages: count, queries: asked, characters, cache, print } = options;
  const bytes = await readFile(corpus);
  const model = await readFile(join(models, DEMO_ENCODER, 'onnx/model.onnx'));
  const key = createHash('sha256').update(bytes).update(model).digest('hex').slice(0, 12);
  const folder = join(cache, `demo-vectors-${key}-${count}-${asked}-${characters}`);
  await mkdir(folder, { recursive: true });
  const all = readPassages(corpus, bytes);
  if (all.length < count) throw new Error(`${corpus} has ${all.length} passages, fewer than ${count}.`);

  const host = new EncoderHost(nodeEncoderPlatform({ localModels: models }));
  const request = { id: DEMO_ENCODER };
  const { dimensions } = await host.load(request);
  const part = async (name: string, make: () => Promise<Float32Array[]>): Promise<Float32Array[]> => {
    const path = join(folder, `${name}.f32`);
    if (!existsSync(path)) {
      const vectors = await make();
      const flat = new Float32Array(vectors.length * dimensions);
      vectors.forEach((vector, i) => flat.set(vector, i * dimensions));
      await writeFile(`${path}.new`, flat);
      await rename(`${path}.new`, path);
    }
    return rowsOf(new Float32Array(new Uint8Array(await readFile(path)).buffer), dimensions);
  };

  const questions = Array.from({ length: asked }, (_, i) => sentenceOf(at(all, i, asked)?.text ?? ''));
  const queries = await part('queries', () => host.embedQueries(request, questions));
  const passages: Float32Array[] = [];
  const started = performance.now();
  let made = 0;
  for (let start = 0; start < count; start += AT_ONCE) {
    const vectors = await part(`passages-${String(start).padStart(6, '0')}`, () => {
      const rows = Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => {
        const { id, title, text } = at(all, start + i, count) ?? { id: '', title: '', text: '' };
        return { id, title, text: text.slice(0, characters) };
      });
      made += rows.length;
      return host.embedPassages(request, rows);
    });
    passages.push(...vectors);
    const rate = (1000 * made) / (performance.now() - started);
    if (made > 0) print(`${passages.length} of ${count} passages embedded, ${rate.toFixed(0)} a second`);
  }
  return { dimensions, passages, queries };
}
