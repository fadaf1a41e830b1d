/** The retrieval worker of the page, word for word but for its encoder: that of a made corpus is made, too. */
import { systemClock } from '../../../src/platform/clock';
import { serve } from '../../../src/platform/rpc/connection';
import { browserCorpusStore } from '../../../src/platform/storage/browser-storage';
import { tarOf } from '../../../src/platform/storage/model-tar';
import { LinkedCorpusService } from '../../../src/retrieval/linked-service';
import { browserDensePlatform } from '../../../workers/dense-platform';
import { madeEncoders } from '../million-corpus';

const none = (): Promise<never> => Promise.reject(new Error('There is no demo here.'));

serve(
  new LinkedCorpusService(
    {
      store: browserCorpusStore,
      encoders: madeEncoders(),
      demo: { fetchCorpus: none, fetchVectors: none, encoder: { id: 'demo' }, cache: null },
      dense: browserDensePlatform,
    },
    {
      tools: { fetch: (input, init) => fetch(input, init), clock: systemClock },
      archive: tarOf,
    },
  ),
);
