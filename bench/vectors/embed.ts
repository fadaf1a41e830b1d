/**
 * Vectors of a real corpus by the demo's encoder, for the recall that `dense.data.test.ts` asks for: 500 queries, then 50,500 passages, f32.
 * Arguments: a JSONL file, gzipped or not, with `id`, `title`, `text`. Texts are cut to their beginning, or it would take hours.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { gunzipSync } from 'node:zlib';
import { openEncoder } from '../../cli/encoders';
import { DEMO_ENCODER } from '../../src/retrieval/encoder/catalog';

const PASSAGES = 50_500;
const QUERIES = 500;
const CHARACTERS = 70;
const AT_ONCE = 1000;
const FOLDER = '.cache/bench';

interface Line {
  id: string;
  title?: string;
  text: string;
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Name a corpus: tsx bench/vectors/embed.ts corpus.jsonl.gz');
const bytes = await readFile(path);
const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
const lines = text
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);
const encoder = await openEncoder(
  { id: DEMO_ENCODER },
  { note: (line) => console.log(line), signal: new AbortController().signal },
);
const { dimensions } = encoder;
const all = new Float32Array((QUERIES + PASSAGES) * dimensions);
const put = (vectors: readonly Float32Array[], row: number): void =>
  vectors.forEach((vector, i) => all.set(vector, (row + i) * dimensions));

const step = Math.floor(lines.length / QUERIES);
const asked = Array.from({ length: QUERIES }, (_, i) => lines[i * step + 5]?.text ?? '');
// A passage's second sentence, or its first.
put(await encoder.embedQueries(asked.map((of) => (of.split(/(?<=[.?!])\s/)[1] ?? of).slice(0, 200))), 0);
for (let start = 0; start < PASSAGES; start += AT_ONCE) {
  const part = lines.slice(start, Math.min(PASSAGES, start + AT_ONCE));
  const passages = part.map(({ id, title = '', text: of }) => ({ id, title, text: of.slice(0, CHARACTERS) }));
  put(await encoder.embedPassages(passages), QUERIES + start);
  console.log(`${start + part.length} of ${PASSAGES}`);
}
await mkdir(FOLDER, { recursive: true });
await writeFile(`${FOLDER}/demo-vectors.f32`, all);
process.exit();
