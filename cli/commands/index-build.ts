import { basename } from 'node:path';
import { DEFAULT_CHUNKING, VECTOR_INDEXES } from '../../src/protocol/corpus';
import { DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES } from '../../src/retrieval/packs/pack-manifest';
import { defineCommand, oneOf, UsageError, wholeNumber } from '../command';
import { readCorpus, repeatsOption } from '../corpus-reader';
import { openEncoder } from '../encoders';
import { writeIndex } from '../index-folder';
import { graphTools } from '../native-graph';
import { progressNotes } from '../progress';

export const indexBuild = defineCommand({
  name: 'index build',
  positionals: 'CORPUS',
  count: [1, 1],
  summary:
    'Builds an index: BM25, and with an encoder vectors for dense search. Any static host can serve the folder.',
  options: {
    out: { type: 'string', short: 'o', value: 'DIR', help: 'folder to write to (required)' },
    encoder: {
      type: 'string',
      value: 'M',
      help: 'none (default), demo, intfloat/e5-small-v2, -base-v2, -large-v2, or another ONNX repository',
    },
    index: {
      type: 'string',
      value: 'exact|compact|hnsw',
      help: 'how its vectors are searched: every row (default), one bit each with rows read to score them, or a graph',
    },
    chunk: {
      type: 'string',
      value: 'MIB',
      help: 'longer files lie in pieces of so many MiB, 1 to 16; default 8',
    },
    ...repeatsOption,
    name: { type: 'string', help: "name of the index; default: the corpus's" },
  },
  async run(values, [corpus = ''], console) {
    if (values.out === undefined) throw new UsageError('`s3 index build` needs --out DIR.');
    const chunk = wholeNumber('chunk', values.chunk, 1, DEFAULT_CHUNK_BYTES / 2 ** 20) * 2 ** 20;
    if (chunk > MAX_CHUNK_BYTES) throw new UsageError('--chunk takes at most 16.');
    const model = values.encoder ?? 'none';
    const index = oneOf('index', values.index, VECTOR_INDEXES, 'exact');
    if (model === 'none' && values.index !== undefined) {
      throw new UsageError('--index is how vectors are searched: it needs --encoder.');
    }
    const started = performance.now();
    const passages = await readCorpus(corpus, console, { numberRepeats: values['number-repeats'] });
    console.note(`${passages.length} passages read.`);
    const encoder = model === 'none' ? null : await openEncoder({ id: model }, console);
    const record = await writeIndex(
      values.out,
      {
        ...{ name: values.name ?? basename(corpus), passages, encoder, ...(encoder && { index }) },
        chunking: DEFAULT_CHUNKING,
      },
      {
        ...{ onProgress: progressNotes(console), signal: console.signal, chunkBytes: chunk },
        ...(index === 'hnsw' && { tools: await graphTools((line) => console.note(line)) }),
      },
    );
    const seconds = (performance.now() - started) / 1000;
    if (console.json) console.out(JSON.stringify({ ...record, seconds }));
    else {
      const modes = record.encoder === null ? 'BM25' : `BM25 and ${record.encoder.model}, ${index}`;
      console.out(`${values.out}: ${record.passages} passages, ${modes}, ${seconds.toFixed(1)} s`);
    }
  },
});
