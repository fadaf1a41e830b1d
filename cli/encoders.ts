import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeEncoderPlatform } from '../src/platform/node/encoder-platform';
import type { EncoderIdentity } from '../src/protocol/corpus';
import type { EncoderServiceApi } from '../src/protocol/encoder';
import type { Passage } from '../src/protocol/retrieval';
import { DEMO_ENCODER, encoderFiles } from '../src/retrieval/encoder/catalog';
import { EncoderHost } from '../src/retrieval/encoder/encoder-host';
import type { Console } from './command';
import { cacheFolder, modelsFolder } from './folders';
import { progressNotes } from './progress';

let host: EncoderHost | undefined;

/** The encoders of this process. `S3_HUB` names a mirror of the Hugging Face hub. */
export function encoders(): EncoderServiceApi {
  const platform = nodeEncoderPlatform({
    localModels: modelsFolder,
    cacheDir: join(cacheFolder(), 'encoders'),
    threads: 2,
  });
  const hub = process.env['S3_HUB'];
  host ??= new EncoderHost(
    platform,
    hub === undefined ? {} : { remoteHost: hub.endsWith('/') ? hub : `${hub}/` },
  );
  return host;
}

export interface Embedded {
  /** Null: no vectors. */
  encoder: EncoderIdentity | null;
  vectors: Float32Array[];
}

/** Loads the encoder (`none`: nothing), says where it runs, and embeds. */
export async function embed(
  passages: readonly Passage[],
  model: string,
  console: Console,
): Promise<Embedded> {
  if (model === 'none') return { encoder: null, vectors: [] };
  const onProgress = progressNotes(console);
  const request = { id: model };
  const info = await encoders().load(request, onProgress, console.signal);
  console.note(
    `Encoder ${info.model} on ${info.device}${info.reason === undefined ? '' : `: ${info.reason}`}`,
  );
  const vectors = await encoders().embedPassages(request, passages, onProgress, console.signal);
  const { revision, dimensions, dtype } = info;
  return { encoder: { model: info.model, revision, dimensions, dtype }, vectors };
}

/** The weights of the demo's encoder, by which its vectors are kept; undefined where it is not there. */
export function demoEncoderWeights(): Promise<Buffer | undefined> {
  const weights = encoderFiles('fp32').find((file) => file.endsWith('.onnx')) ?? '';
  return readFile(join(modelsFolder, DEMO_ENCODER, weights)).catch(() => undefined);
}
