/**
 * Writes `public/demo/vectors.bin`: the demo corpus embedded by the demo encoder, so that nobody has to wait for it.
 *
 *   npx tsx tools/demo-models/embed-demo.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { nodeEncoderPlatform } from '../../src/platform/node/encoder-platform';
import type { Passage } from '../../src/protocol/retrieval';
import { encodeVectors, denseRows } from '../../src/retrieval/dense';
import { DEMO_ENCODER } from '../../src/retrieval/encoder/catalog';
import { EncoderHost } from '../../src/retrieval/encoder/encoder-host';

const passages = readFileSync('public/demo/corpus.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Passage);
const host = new EncoderHost(
  nodeEncoderPlatform({ localModels: 'models/', cacheDir: '.cache/encoders', threads: 2 }),
);
const info = await host.load({ id: DEMO_ENCODER });
const vectors = await host.embedPassages({ id: DEMO_ENCODER }, passages);
const bytes = await encodeVectors(denseRows(vectors, info.dimensions));
writeFileSync('public/demo/vectors.bin', bytes);
console.log(`${passages.length} passages × ${info.dimensions}, ${bytes.length} bytes`);
process.exit(0);
