import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { requireOurEncoder } from './pack-encoder';
import {
  chunksOf,
  describeFile,
  manifestBytes,
  parsePackManifest,
  requireSearchable,
  type PackManifest,
} from './pack-manifest';

const bytesOf = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));

const sound: PackManifest = {
  format: 's3-web/index',
  version: 2,
  name: 'Rivers',
  createdAt: '2026-11-21T12:00:00Z',
  passages: 3,
  encoder: { model: 'demo-encoder', revision: 'local', dimensions: 128, dtype: 'fp32' },
  index: 'compact',
  prefixes: { query: 'query: ', passage: 'passage: ' },
  analyzer: 'lucene-english/1',
  k1: 0.9,
  b: 0.4,
  files: [await describeFile('passages.jsonl', new Uint8Array(25).fill(7), 10)],
};
for (const name of ['bm25.bin', 'vectors.bin', 'signs.bin']) {
  sound.files.push(await describeFile(name, new Uint8Array(4), 10));
}

const failureOf = (manifest: unknown): AppError => {
  try {
    parsePackManifest(bytesOf(manifest));
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('It was taken.');
};

describe('the manifest of a pack', () => {
  it('is read as it was written, with the chunks of every file', () => {
    const read = parsePackManifest(manifestBytes(sound));
    expect(read).toEqual(sound);
    const [file] = read.files;
    expect(file && chunksOf(file).map(({ path, offset, bytes }) => [path, offset, bytes])).toEqual([
      ['passages.jsonl.00001', 0, 10],
      ['passages.jsonl.00002', 10, 10],
      ['passages.jsonl.00003', 20, 5],
    ]);
  });

  it('says how texts were cut, where that is a way in which they can be', () => {
    const cutBy = (chunking: unknown) => parsePackManifest(bytesOf({ ...sound, chunking })).chunking;
    const windows = { by: 'sentences', sentences: 5, overlap: 1 };
    for (const chunking of [{ by: 'heading', words: 300 }, windows, undefined]) {
      expect(cutBy(chunking)).toEqual(chunking);
    }
    for (const other of [{ by: 'meaning' }, { by: 'words', words: 3 }, { ...windows, overlap: 5 }, 'words']) {
      expect(cutBy(other)).toBeUndefined();
    }
  });

  it('names a file of one chunk by its own name', async () => {
    const file = await describeFile('bm25.bin', new Uint8Array(10), 10);
    expect(chunksOf(file).map(({ path }) => path)).toEqual(['bm25.bin']);
    expect(chunksOf(await describeFile('empty.bin', new Uint8Array(0), 10))).toHaveLength(1);
  });

  it.each([
    '../secret',
    '/etc/passwd',
    'a/b',
    'a\\b',
    '..',
    '.hidden',
    'a..b',
    'C:x',
    '',
    'corpus.json',
    'x\0y',
    'https://x.example/y',
    'PASSAGES.JSONL',
    '%2e%2e',
  ])('does not take the file name %j', (name) => {
    const files = [{ ...sound.files[0], name }];
    expect(failureOf({ ...sound, files })).toMatchObject({ code: 'INTEGRITY' });
  });

  it('refuses lengths that do not fit together, chunks that are too long, names that stand there twice', () => {
    const [file] = sound.files;
    for (const wrong of [
      [{ ...file, bytes: 31 }],
      [{ ...file, bytes: 20 }],
      [{ ...file, chunkBytes: 17 * 2 ** 20 }],
      [{ ...file, chunkBytes: 0 }],
      [{ ...file, chunks: [] }],
      [file, file],
      [],
    ]) {
      expect(failureOf({ ...sound, files: wrong })).toMatchObject({ code: 'INTEGRITY' });
    }
  });

  it('that promises an index without its files is refused when it is to be searched', () => {
    expect(() => requireSearchable(sound)).not.toThrow();
    expect(() => requireSearchable({ ...sound, index: 'hnsw' })).toThrow(/names no graph\.usearch/);
    expect(failureOf({ ...sound, index: 'faiss' })).toMatchObject({ code: 'INTEGRITY' });
  });

  it('of another version is unsupported, and the words say which way', () => {
    expect(failureOf({ ...sound, version: 1 })).toMatchObject({ code: 'UNSUPPORTED' });
    expect(failureOf({ ...sound, version: 1 }).fix).toContain('Build it again');
    expect(failureOf({ ...sound, version: 9 }).fix).toContain('Update');
  });

  it('altered anywhere, is either sound or refused in plain words: 10,000 times', () => {
    const text = new TextDecoder().decode(bytesOf(sound));
    const paths = Object.keys(sound);
    const value = fc.oneof(
      fc.constantFrom<unknown>(null, -1, 2 ** 53, 1e308, '', '../x', [], {}, true, NaN, 'a'.repeat(2000)),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const key = fc.constantFrom(
      'name',
      'bytes',
      'sha256',
      'chunkBytes',
      'chunks',
      'model',
      'dimensions',
      'dtype',
    );
    const mutation = fc.oneof(
      // A field of the document, or of its first file or encoder, is something else.
      fc.record({ kind: fc.constant('field' as const), path: fc.constantFrom(...paths), value }),
      fc.record({ kind: fc.constant('inner' as const), at: fc.boolean(), key, value }),
      // Characters are lost, doubled or changed.
      fc.record({
        kind: fc.constant('text' as const),
        at: fc.nat(text.length),
        take: fc.nat(40),
        put: fc.string(),
      }),
    );
    fc.assert(
      fc.property(mutation, (change) => {
        let bytes: Uint8Array;
        if (change.kind === 'text') {
          bytes = new TextEncoder().encode(
            text.slice(0, change.at) + change.put + text.slice(change.at + change.take),
          );
        } else {
          const copy = structuredClone(sound) as unknown as Record<string, unknown>;
          if (change.kind === 'field') copy[change.path] = change.value;
          else if (change.at) copy['encoder'] = { ...sound.encoder, [change.key]: change.value };
          else copy['files'] = [{ ...sound.files[0], [change.key]: change.value }, ...sound.files.slice(1)];
          bytes = bytesOf(copy);
        }
        try {
          const manifest = parsePackManifest(bytes);
          const { files } = manifest;
          for (const { path, bytes: length } of files.flatMap(chunksOf)) {
            const plain = /^[a-z0-9][\w.-]*$/.test(path) && !path.includes('..');
            if (!plain || !(length >= 0 && length <= 16 * 2 ** 20)) expect.fail(`${path}, ${length} bytes`);
          }
          requireSearchable(manifest);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          if (error.code !== 'INTEGRITY' && error.code !== 'UNSUPPORTED') throw error;
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('a pack made with another encoder', () => {
  it('is refused with its prefixes and ours', () => {
    const made = { ...sound, prefixes: { query: '', passage: '' } };
    expect(() => requireOurEncoder(made)).toThrow(/another encoder.*""/);
  });

  it('is refused when there is no encoder of that name, or ours of that name makes other vectors', () => {
    const made = {
      ...sound,
      encoder: { model: '../x', revision: '', dimensions: 4, dtype: 'fp32' as const },
    };
    expect(() => requireOurEncoder(made)).toThrow('there is no encoder "../x"');
    const shorter = {
      model: 'intfloat/e5-base-v2',
      revision: 'main',
      dimensions: 384,
      dtype: 'fp32' as const,
    };
    expect(() => requireOurEncoder({ encoder: shorter })).toThrow(/384 dimensions, where ours have 768/);
    expect(() => requireOurEncoder({ encoder: null })).not.toThrow();
    expect(() => requireOurEncoder(sound)).not.toThrow();
  });
});
