/** The laboratory of the browser: workers for the models and the corpora, the loop itself on the page's thread. */
import { browserName, hasOpfs, probeAdapter } from '../platform/browser/capabilities';
import {
  startLanguageModelWorker,
  startModelsWorker,
  startRetrievalWorker,
  startTextGenerationWorker,
  startTrainingWorker,
} from '../platform/browser/start-worker';
import { localStorageOrNull } from '../platform/browser/local-storage';
import { askToPersist, storageReport } from '../platform/browser/storage-report';
import { createWakeLock } from '../platform/browser/wake-lock';
import { connect } from '../platform/rpc/connection';
import type { EvaluationApi } from '../evaluation/evaluation-types';
import type { CorpusServiceApi } from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { LinkServiceApi } from '../protocol/linked-corpora';
import type { LmWorkerApi } from '../protocol/lm-worker';
import { splitChoice } from '../protocol/model-ids';
import type { ModelLibraryApi } from '../protocol/model-library';
import type { TextGenerationWorkerApi } from '../protocol/text-generation-worker';
import type { TrainingApi } from '../train/worker-api';
import { fetchDemoCorpus, fetchDemoQuestions } from './demo-data';
import { DEMO_PPO, fetchDemoRun } from './demo-run';
import { endpointModel, requireEndpoint } from './endpoint-models';
import type { EndpointRole } from './endpoints.svelte';
import type { CapabilityReport, Endpoints, Laboratory, LoadEvent, ModelOption } from './laboratory';
import { LastUse } from './last-use';
import { LocalModels } from './local-models';
import { fetchOfferedPacks } from './offered-packs';
import { ModelsInUse, type Work } from './models-in-use';
import { fetchModelOptions, storedOptions } from './model-options';
import { onnxOption } from './onnx-id';
import { OnnxModels } from './onnx-models';
import { remoteLibrary } from './remote-library';
import { neededModels, neededSearches, systemFor } from './run-systems';
import { commonModes, entriesOf, namesOf } from './several-corpora';
import { DEFAULT_SETTINGS, ENDPOINT, type RunSettings } from './settings';
import { StoredCorpora } from './stored-corpora';
import { hostOf } from './host';
import { remoteTraining } from './train-remote';
import { TrainedModels } from './trained-models';

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

const ROLES: EndpointRole[] = ['searcher', 'generator'];

export function createBrowserLaboratory(): Laboratory {
  const fetchHere = (input: string, init?: RequestInit): Promise<Response> => fetch(input, init);
  const modelsUrl = besidePage('models/');
  const demoUrl = besidePage('demo/');
  const local = new LocalModels(() => connect<LmWorkerApi>(startLanguageModelWorker()), modelsUrl);
  const onnx = new OnnxModels(
    () => connect<TextGenerationWorkerApi>(startTextGenerationWorker()),
    localStorageOrNull(),
  );
  const corpora = new StoredCorpora(
    () => connect<CorpusServiceApi & LinkServiceApi>(startRetrievalWorker()),
    () => fetchDemoCorpus(fetchHere, demoUrl),
    () => fetchOfferedPacks(fetchHere, besidePage('packs.json')),
    new LastUse(localStorageOrNull(), () => new Date().toISOString()),
  );
  const options = fetchModelOptions(fetchHere, modelsUrl);
  // Whoever needs them awaits them again; until then a failure is nobody's.
  options.catch(() => undefined);
  const trained = new TrainedModels(localStorageOrNull());
  const training = remoteTraining(() => connect<TrainingApi>(startTrainingWorker()));
  const library = remoteLibrary(() => connect<ModelLibraryApi>(startModelsWorker()));

  let evaluations: EvaluationApi | null = null;
  const inUse = new ModelsInUse();

  /** A browser that keeps no files has none of its own; what else goes wrong, the Models page says. */
  async function models(): Promise<ModelOption[]> {
    const { models: embedded, published } = await options;
    const stored = await library.listModels().catch(() => []);
    return [...embedded, ...trained.known(storedOptions(stored, published)), ...onnx.list().map(onnxOption)];
  }

  async function find(choice: string, role: string): Promise<ModelOption> {
    const known = (await models()).find((option) => option.id === choice);
    if (known) return known;
    throw new AppError('NOT_FOUND', `There is no model “${choice}” for the ${role}.`, {
      fix: 'Choose another in the settings of the run.',
    });
  }

  const openRequest = (
    option: ModelOption,
    part: EndpointRole,
    device: RunSettings['device'],
    keep: string[],
  ) => ({
    model: {
      kind: option.stored ? ('stored' as const) : ('embedded' as const),
      id: splitChoice(option.id).model,
    },
    ...{ name: option.name, part, device, keep },
    ...(option.stored && { settings: option.stored }),
  });

  async function prepareModel(
    by: Work,
    role: EndpointRole,
    settings: RunSettings,
    own: readonly string[],
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
    const keep = inUse.keptFor(by, own);
    await inUse.load(by, async () => {
      if (onnx.has(id)) await onnx.load({ id, part: role, device: settings.device, keep }, onEvent, signal);
      else await local.load(openRequest(await find(id, role), role, settings.device, keep), onEvent, signal);
    });
  }

  function modelOf(role: EndpointRole, settings: RunSettings, endpoints: Endpoints): LanguageModel {
    const { [role]: id, device } = settings;
    if (id === ENDPOINT) return endpointModel(requireEndpoint(role, endpoints[role]));
    return onnx.has(id) ? onnx.model(id, device) : local.model(id, device);
  }

  return {
    capabilities,
    storage: storageReport,
    persist: askToPersist,
    demoQuestions: (signal) => fetchDemoQuestions(fetchHere, demoUrl, signal),
    models,
    published: async () => (await options).published,
    library,
    onnx,
    runner: {
      async load(id, device, signal) {
        const option = await find(id, 'searcher');
        return local.load(openRequest(option, 'searcher', device, [id]), () => undefined, signal);
      },
      unload: (id) => local.unload(id),
      watch: (listener) => local.watch(listener),
    },
    encoders: async () => (await options).encoders,
    corpora,
    training,
    trained,
    demoRun: () => fetchDemoRun(fetchHere, modelsUrl),
    hasDemoRun: async () => (await options).models.some(({ id }) => splitChoice(id).adapter === DEMO_PPO),
    keepAwake: createWakeLock(),
    useHub(address) {
      corpora.useHub(address);
      onnx.useHub(address);
    },
    async prepare(runs, endpoints, onEvent, signal) {
      const needed = neededModels(runs);
      for (const { role, settings } of needed) {
        if (settings[role] === ENDPOINT) requireEndpoint(role, endpoints[role]);
      }
      const own = needed.map(({ role, settings }) => splitChoice(settings[role]).model);
      inUse.release('question');
      inUse.hold('question', own);
      // The searcher and the generator may be one model: the second load finds it there.
      const models = async (): Promise<void> => {
        for (const { role, settings } of needed) {
          await prepareModel('question', role, settings, own, endpoints, onEvent, signal);
        }
      };
      const searches = async (): Promise<void> => {
        for (const { corpus, mode } of neededSearches(runs)) {
          await corpora.open(corpus, mode, onEvent, signal);
        }
      };
      await Promise.all([searches(), models()]);
    },
    async *run(request, endpoints, signal) {
      const { settings, question, goldAnswers, goldIds } = request;
      const system = await systemFor(request, {
        model: (role) => modelOf(role, settings, endpoints),
        retriever: (mode) => corpora.retriever(settings.corpus, mode),
        searcher: (await models()).find(({ id }) => id === settings.searcher),
        clock: () => performance.now(),
      });
      yield* system.run(question, {
        signal,
        seed: settings.seed,
        mode: settings.mode,
        ...(goldAnswers && { goldAnswers }),
        ...(goldIds && { goldIds }),
      });
    },
    release: () => inUse.release('question'),
    async evaluations(here) {
      const [{ browserEvaluations }, { browserLocks, createLocalLocks }] = await Promise.all([
        import('./evaluation-laboratory'),
        import('../platform/storage/locks'),
      ]);
      return (evaluations ??= browserEvaluations({
        ...{ fetch: fetchHere, demoUrl, hub: () => here().hub },
        locks: 'locks' in navigator ? browserLocks : createLocalLocks(),
        async openModel(reference, opened, onEvent, signal) {
          const { endpoints, device } = here();
          const role = ROLES.find((one) => reference === `${ENDPOINT}:${one}`);
          if (role) {
            return { model: endpointModel(requireEndpoint(role, endpoints[role])), local: false };
          }
          const settings = { ...DEFAULT_SETTINGS, searcher: reference, device };
          const own = opened.map((choice) => splitChoice(choice).model);
          inUse.hold('evaluation', own);
          await prepareModel('evaluation', 'searcher', settings, own, endpoints, onEvent, signal);
          const known = (await models()).find(({ id }) => id === reference);
          const model = modelOf('searcher', settings, endpoints);
          return { model, local: true, ...(known?.search && { search: known.search }) };
        },
        released: () => inUse.release('evaluation'),
        async openCorpus(id, mode, onEvent, signal) {
          await corpora.open(id, mode, onEvent, signal);
          return { name: namesOf(id, await corpora.list()), retriever: corpora.retriever(id, mode) };
        },
        corpusModes: async (id) => [...commonModes(entriesOf(id, await corpora.list()))],
      }));
    },
    async testConnection(endpoint, signal) {
      const { testEndpoint } = await import('./test-endpoint');
      return testEndpoint(endpoint, signal);
    },
  };
}
