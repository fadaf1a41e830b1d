/** Index packs as a static host serves them, over a folder of made passages, with an encoder that needs no model. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeUsearchModule } from '../../src/platform/node/usearch';
import type { EncoderIdentity, VectorIndexKind } from '../../src/protocol/corpus';
import type { EncoderServiceApi } from '../../src/protocol/encoder';
import type { Encoder, Passage } from '../../src/protocol/retrieval';
import { analyze } from '../../src/retrieval/bm25/analyzer';
import { buildCorpusFiles } from '../../src/retrieval/corpus-files';
import type { PackManifest } from '../../src/retrieval/packs/pack-manifest';
import { packParts } from '../../src/retrieval/packs/write-pack';
import { startHubServer, type HubServer } from './hub-server';

const DIMENSIONS = 16;

function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions).fill(0.01);
  for (const term of analyze(text)) {
    let hash = 7;
    for (const character of term) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9973;
    vector[hash % dimensions] = (vector[hash % dimensions] ?? 0) + 1;
  }
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}

/** Words thrown into buckets: as deterministic as a real encoder, and as deaf to order. */
export const bucketEncoderOf = (dimensions: number): Encoder => ({
  dimensions,
  embedQueries: (texts) => Promise.resolve(texts.map((text) => embed(text, dimensions))),
  embedPassages: (passages) =>
    Promise.resolve(passages.map(({ title, text }) => embed(`${title} ${text}`, dimensions))),
});
/** The same, as what holds encoders offers it, whatever it is asked for. */
export const bucketEncoders = (dimensions: number): EncoderServiceApi => {
  const encoder = bucketEncoderOf(dimensions);
  return {
    options: () => Promise.resolve([]),
    measure: () => Promise.reject(new Error('Nobody asks for it.')),
    load: ({ id }) =>
      Promise.resolve({ model: id, revision: 'local', dimensions, dtype: 'fp32', device: 'wasm' }),
    embedQueries: (_request, texts) => encoder.embedQueries(texts),
    embedPassages: (_request, given) => encoder.embedPassages(given),
  };
};

export const bucketEncoder = bucketEncoderOf(DIMENSIONS);

const identityOf = ({ dimensions }: Encoder): EncoderIdentity => ({
  ...{ model: 'made/buckets', revision: 'local', dimensions, dtype: 'fp32' },
});
export const bucketIdentity = identityOf(bucketEncoder);

const WORDS =
  'heron river lamp bell guild tower stone bridge otter island lock harbour keeper night noon'.split(' ');

export const madePassages = (count: number): Passage[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    title: `Lamp ${i}`,
    text: Array.from(
      { length: 12 + (i % 7) },
      (_, j) => WORDS[(i * 7 + j * (1 + (i % 5))) % WORDS.length],
    ).join(' '),
    metadata: { page: i },
  }));

export interface PackServer {
  hub: HubServer;
  /** The pack's folder on the disk, and its address. */
  folder: string;
  url: string;
  manifest: PackManifest;
  close(): Promise<void>;
}

export async function startPackServer(
  options: {
    passages?: readonly Passage[];
    encoder?: Encoder | null;
    /** What the pack says of the encoder. */
    identity?: EncoderIdentity;
    chunkBytes?: number;
    index?: VectorIndexKind;
  } = {},
): Promise<PackServer> {
  const {
    passages = madePassages(80),
    encoder = bucketEncoder,
    chunkBytes = 2_000,
    index = 'exact',
  } = options;
  const root = await mkdtemp(join(tmpdir(), 's3-pack-'));
  const folder = join(root, 'packs', 'lamps');
  await mkdir(folder, { recursive: true });
  const files = await buildCorpusFiles(passages, {
    encoder,
    index,
    tools: { openUsearch: nodeUsearchModule },
  });
  const facts = {
    ...(index !== 'exact' && { index }),
    name: 'Lamps',
    createdAt: '2026-11-21T12:00:00Z',
    passages: passages.length,
    encoder: encoder && (options.identity ?? identityOf(encoder)),
    chunking: { by: 'heading', words: 200 } as const,
  };
  const parts = packParts(facts, files, { chunkBytes });
  let step = await parts.next();
  for (; !step.done; step = await parts.next()) {
    await writeFile(join(folder, step.value.path), step.value.bytes);
  }
  const hub = await startHubServer(root);
  return {
    ...{ hub, folder, url: `${hub.url}packs/lamps/resolve/main/`, manifest: step.value },
    async close() {
      await hub.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
