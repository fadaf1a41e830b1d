import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { nodeEncoderPlatform } from '../src/platform/node/encoder-platform';
import type { EncoderInfo } from '../src/protocol/corpus';
import type { EncoderRequest, EncoderServiceApi } from '../src/protocol/encoder';
import type { Encoder } from '../src/protocol/retrieval';
import { EncoderHost } from '../src/retrieval/encoder/encoder-host';
import type { Console } from './command';
import { cacheFolder, modelsFolder } from './folders';
import { progressNotes } from './progress';

let host: EncoderHost | undefined;

/**
 * Half of the cores, four at most, as ONNX Runtime chooses in a page: two logical cores are often one physical, and its threads spin while they
 * wait for one another. With the demo's encoder on two cores, one thread takes 1.3 s for 384 passages where two take 1.5 s, and 2.1 s of the
 * processor's time instead of 2.9 s; where others are at work, too, two take half as long again as one.
 */
const threads = Math.min(4, Math.ceil(availableParallelism() / 2));

/** The encoders of this process. `S3_HUB` names a mirror of the Hugging Face hub. */
function encoders(): EncoderServiceApi {
  const platform = nodeEncoderPlatform({
    localModels: modelsFolder,
    cacheDir: join(cacheFolder(), 'encoders'),
    threads,
  });
  const hub = process.env['S3_HUB'];
  host ??= new EncoderHost(
    platform,
    hub === undefined ? {} : { remoteHost: hub.endsWith('/') ? hub : `${hub}/` },
  );
  return host;
}

/** Loads an encoder and says where it runs. */
export async function openEncoder(
  request: EncoderRequest,
  console: Pick<Console, 'note' | 'signal'>,
): Promise<Encoder & { info: EncoderInfo }> {
  const service = encoders();
  const info = await service.load(request, progressNotes(console), console.signal);
  console.note(
    `Encoder ${info.model} on ${info.device}${info.reason === undefined ? '' : `: ${info.reason}`}`,
  );
  return {
    info,
    dimensions: info.dimensions,
    embedQueries: (texts, signal) => service.embedQueries(request, texts, signal),
    embedPassages: (passages, onProgress, signal) =>
      service.embedPassages(request, passages, onProgress, signal),
  };
}
