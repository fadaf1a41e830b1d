/** Training, away from the page's thread. Its interface is `TrainingApi`; corpora are searched by a retrieval worker below it. */
import { pickBackend } from '../src/generate/pick-backend';
import { systemClock } from '../src/platform/clock';
import { connect, serve } from '../src/platform/rpc/connection';
import { browserRunParts, runRetriever } from './training-parts';
import { browserModelStore } from '../src/platform/storage/browser-storage';
import { tarArchive } from '../src/platform/storage/model-tar';
import type { CorpusServiceApi } from '../src/protocol/corpus';
import { TrainingService } from '../src/train/runs/training-service';
import { workerExporter, workerSessions, type WorkerTools } from '../src/train/runs/worker-session';

const retrieval = new Worker(new URL('./retrieval.worker.ts', import.meta.url), {
  type: 'module',
  name: 'retrieval of training',
});
const { data, ...parts } = browserRunParts();
/** In this worker's memory alone. */
let searchKey = '';
const tools: WorkerTools = {
  fetch: (input, init) => fetch(input, init),
  sha256: (bytes) => crypto.subtle.digest('SHA-256', bytes),
  pick: (wanted) => pickBackend('gpu' in navigator ? navigator.gpu : undefined, wanted),
  retriever: runRetriever(connect<CorpusServiceApi>(retrieval), {
    ...{ fetch: (input, init) => fetch(input, init), clock: systemClock, apiKey: () => searchKey },
  }),
  archive: (folder, files) => tarArchive(folder, files, Date.now() / 1000),
  ...{
    modelsUrl: new URL('/models/', location.href).href,
    store: browserModelStore,
    clock: systemClock,
    data,
  },
};

serve(
  new TrainingService({
    ...{ ...parts, data, open: workerSessions(tools), exportModel: workerExporter(tools) },
    ...{ clock: systemClock, now: () => new Date().toISOString() },
    useSearchKey: (key) => (searchKey = key),
  }),
);
