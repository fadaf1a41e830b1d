/** The retrieval service as the page starts it, over encoders that need no model; its demo is one passage. */
import { tarOf } from '../../src/platform/storage/model-tar';
import type { CorpusServiceParts } from '../../src/retrieval/corpus-service';
import { LinkedCorpusService } from '../../src/retrieval/linked-service';
import { bucketEncoders } from '../servers/pack-server';

export const DIMENSIONS = 64;

export const startMadeService = (
  parts: Pick<CorpusServiceParts, 'store'> & Partial<CorpusServiceParts>,
): LinkedCorpusService =>
  new LinkedCorpusService(
    {
      encoders: bucketEncoders(DIMENSIONS),
      demo: {
        fetchCorpus: () => Promise.resolve(new Blob(['{"id":"d","title":"D","text":"A lamp."}'])),
        encoder: { id: 'demo' },
        fetchVectors: () => Promise.resolve(null),
        cache: { read: () => Promise.resolve(null), write: () => Promise.resolve() },
      },
      ...parts,
    },
    {
      tools: { fetch, clock: { now: () => performance.now(), sleep: () => Promise.resolve() } },
      archive: tarOf,
    },
  );
