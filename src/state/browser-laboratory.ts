/** The laboratory of the browser: workers for the models and the corpora, the loop itself on the page's thread. */
import { createNaiveRag } from '../agent/naive-rag';
import { createS3 } from '../agent/s3';
import type { S3Settings } from '../agent/settings';
import { browserName, hasOpfs, probeAdapter } from '../platform/browser/capabilities';
import { startLanguageModelWorker, startRetrievalWorker } from '../platform/browser/start-worker';
import { askToPersist, storageReport } from '../platform/browser/storage-report';
import { connect } from '../platform/rpc/connection';
import type { CorpusServiceApi } from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { LmWorkerApi } from '../protocol/lm-worker';
import { fetchDemoCorpus, fetchDemoQuestions } from './demo-data';
import { endpointModel, requireEndpoint } from './endpoint-models';
import type { EndpointRole } from './endpoints.svelte';
import type { CapabilityReport, Endpoints, Laboratory, LoadEvent, ModelOption } from './laboratory';
import { LocalModels } from './local-models';
import { fetchModelOptions } from './model-options';
import { ENDPOINT, foundIn, type RunSettings } from './settings';
import { StoredCorpora } from './stored-corpora';
import { hostOf } from './host';

const ROLES: EndpointRole[] = ['searcher', 'generator'];

/** Everything lies beside the page, wherever that is. */
const besidePage = (path: string): string => new URL(path, document.baseURI).href;

async function capabilities(): Promise<CapabilityReport> {
  const [webgpu, opfs, storage] = await Promise.all([probeAdapter(), hasOpfs(), storageReport()]);
  return {
    browser: browserName(navigator.userAgent),
    webgpu,
    crossOriginIsolated: window.crossOriginIsolated,
    threads: navigator.hardwareConcurrency,
    opfs,
    locks: 'locks' in navigator,
    wakeLock: 'wakeLock' in navigator,
    storage,
  };
}

/** An embedded searcher starts from what it was trained with; any other model gets the paper's instructions. */
function settingsOf(settings: RunSettings, searcher: ModelOption | undefined): Partial<S3Settings> {
  return {
    mode: settings.mode,
    documentsPerQuery: foundIn(settings, searcher?.search?.documentsPerQuery),
    documentsSelected: settings.kept,
    maxTurns: settings.turns,
    promptStyle: searcher?.search?.promptStyle ?? 'full',
  };
}

export function createBrowserLaboratory(): Laboratory {
  const fetchHere = (input: string, init?: RequestInit): Promise<Response> => fetch(input, init);
  const modelsUrl = besidePage('models/');
  const demoUrl = besidePage('demo/');
  const local = new LocalModels(() => connect<LmWorkerApi>(startLanguageModelWorker()), modelsUrl);
  const corpora = new StoredCorpora(
    () => connect<CorpusServiceApi>(startRetrievalWorker()),
    () => fetchDemoCorpus(fetchHere, demoUrl),
  );
  const options = fetchModelOptions(fetchHere, modelsUrl);
  // Whoever needs them awaits them again; until then a failure is nobody's.
  options.catch(() => undefined);

  async function prepareModel(
    role: EndpointRole,
    settings: RunSettings,
    endpoints: Endpoints,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const id = settings[role];
    if (id === ENDPOINT) {
      const { baseUrl, model } = requireEndpoint(role, endpoints[role]);
      onEvent({ part: role, phase: 'ready', name: model, device: hostOf(baseUrl) ?? baseUrl });
      return;
    }
    const { models } = await options;
    const known = models.find((option) => option.id === id);
    if (!known) {
      throw new AppError('NOT_FOUND', `There is no model “${id}” for the ${role}.`, {
        fix: 'Choose another in the settings of the run.',
      });
    }
    await local.load({ id, name: known.name, part: role, device: settings.device }, onEvent, signal);
  }

  const modelOf = (role: EndpointRole, settings: RunSettings, endpoints: Endpoints): LanguageModel =>
    settings[role] === ENDPOINT
      ? endpointModel(requireEndpoint(role, endpoints[role]))
      : local.model(settings[role], settings.device);

  return {
    capabilities,
    persist: askToPersist,
    demoQuestions: (signal) => fetchDemoQuestions(fetchHere, demoUrl, signal),
    models: async () => (await options).models,
    encoders: async () => (await options).encoders,
    corpora,
    useHub: (address) => corpora.useHub(address),
    async prepare(settings, endpoints, onEvent, signal) {
      for (const role of ROLES) {
        if (settings[role] === ENDPOINT) requireEndpoint(role, endpoints[role]);
      }
      // The searcher and the generator may be one model: the second load finds it there.
      const models = async (): Promise<void> => {
        for (const role of ROLES) await prepareModel(role, settings, endpoints, onEvent, signal);
      };
      await Promise.all([corpora.open(settings.corpus, settings.retrieval, onEvent, signal), models()]);
    },
    async *run(request, endpoints, signal) {
      const { settings, question, goldAnswers, goldIds } = request;
      const parts = {
        generator: modelOf('generator', settings, endpoints),
        retriever: corpora.retriever(settings.corpus, settings.retrieval),
        clock: () => performance.now(),
      };
      const trained = (await options).models.find(({ id }) => id === settings.searcher);
      const system =
        request.system === 's3'
          ? createS3({
              ...parts,
              searcher: modelOf('searcher', settings, endpoints),
              settings: settingsOf(settings, trained),
            })
          : createNaiveRag({ ...parts, settings: { mode: settings.mode } });
      yield* system.run(question, {
        signal,
        seed: settings.seed,
        mode: settings.mode,
        ...(goldAnswers && { goldAnswers }),
        ...(goldIds && { goldIds }),
      });
    },
    async testConnection(endpoint, signal) {
      const { testEndpoint } = await import('./test-endpoint');
      return testEndpoint(endpoint, signal);
    },
  };
}
