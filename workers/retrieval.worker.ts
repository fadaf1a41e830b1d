/** Corpora and their indexes. Its interface is `CorpusServiceApi`; the encoders run in a worker below it. */
import { browserPdfPlatform } from '../src/platform/browser/pdf-platform';
import { connect, serve } from '../src/platform/rpc/connection';
import { remoteEncoderService } from '../src/platform/rpc/remote-encoder';
import { systemClock } from '../src/platform/clock';
import { browserCorpusStore } from '../src/platform/storage/browser-storage';
import { tarOf } from '../src/platform/storage/model-tar';
import { opfsCache } from '../src/platform/storage/opfs-cache';
import type { EncoderServiceApi } from '../src/protocol/encoder';
import { AppError } from '../src/protocol/errors';
import { DEMO_ENCODER } from '../src/retrieval/encoder/catalog';
import { browserDensePlatform } from './dense-platform';
import { LinkedCorpusService } from '../src/retrieval/linked-service';

const encoderWorker = new Worker(new URL('./encoder.worker.ts', import.meta.url), {
  type: 'module',
  name: 'encoder',
});

async function fetchCorpus(folder: string): Promise<Blob> {
  const response = await fetch(`${folder}corpus.jsonl`);
  if (response.ok) return response.blob();
  throw new AppError('NOT_FOUND', `The demo corpus could not be loaded (${response.status}).`, {
    fix: 'Reload the page.',
  });
}

async function fetchVectors(folder: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const response = await fetch(`${folder}vectors.bin`);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
}

const demoIn = (folder: string) => ({
  fetchCorpus: () => fetchCorpus(folder),
  fetchVectors: () => fetchVectors(folder),
  ...{ encoder: { id: DEMO_ENCODER }, cache: opfsCache('vectors') },
});

serve(
  new LinkedCorpusService(
    {
      store: browserCorpusStore,
      encoders: remoteEncoderService(connect<EncoderServiceApi>(encoderWorker).remote),
      demo: demoIn('/demo/'),
      // The world to train in, whose names are in no other.
      others: { 'demo-train': { name: 'Training world of the demo', ...demoIn('/demo/train/') } },
      dense: browserDensePlatform,
      read: { pdf: browserPdfPlatform() },
    },
    {
      tools: { fetch: (input, init) => fetch(input, init), clock: systemClock },
      archive: tarOf,
    },
  ),
);
