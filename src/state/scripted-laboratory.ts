/** A laboratory that plays a script: for component tests, screenshots of states, and work on the page alone. */
import { AppError, throwIfAborted } from '../protocol/errors';
import { SYSTEMS } from '../agent/system-facts';
import type { TraceDelta, TraceEvent } from '../protocol/trace';
import { FIXTURE_NAIVE, FIXTURE_QUESTION, FIXTURE_S3, streamed } from './fixture-trace';
import type { CorpusEntry, Laboratory, LoadEvent, OnnxModel } from './laboratory';
import { onnxId, onnxOption } from './onnx-id';
import { scriptedLinks } from './scripted-links';
import { scriptedLibrary } from './scripted-library';
import { TrainedModels } from './trained-models';
import { createScriptedTraining, type TrainingScript } from './train-scripted';
import type { ListedModel } from '../protocol/model-library';
import type { PublishedModel } from '../protocol/registry';

export interface Script {
  s3?: readonly (TraceEvent | TraceDelta)[];
  naive?: readonly (TraceEvent | TraceDelta)[];
  loads?: readonly LoadEvent[];
  /** Milliseconds between two events. */
  paceMs?: number;
  corpora?: CorpusEntry[];
  stored?: ListedModel[];
  published?: PublishedModel[];
  training?: TrainingScript;
}

const DEMO: CorpusEntry = {
  id: 'demo',
  name: 'Demo encyclopaedia',
  passages: 2014,
  bytes: 1_240_000,
  encoder: 'demo encoder',
  createdAt: '2026-11-21T10:00:00Z',
  builtIn: true,
};

const LOADS: LoadEvent[] = [
  {
    part: 'corpus',
    phase: 'download',
    name: 'Demo encyclopaedia',
    progress: { done: 400_000, total: 1_240_000, unit: 'bytes' },
  },
  { part: 'corpus', phase: 'ready', name: 'Demo encyclopaedia' },
  { part: 'encoder', phase: 'ready', name: 'demo encoder', device: 'WASM' },
  {
    part: 'searcher',
    phase: 'download',
    name: 'demo model',
    progress: { done: 1_900_000, total: 4_100_000, unit: 'bytes' },
  },
  { part: 'searcher', phase: 'ready', name: 'demo model', device: 'WebGPU' },
];

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

export function createScriptedLaboratory(script: Script = {}): Laboratory {
  const pace = script.paceMs ?? 12;
  let corpora = [DEMO, ...(script.corpora ?? [])];
  let onnx: OnnxModel[] = [];
  return {
    useHub: () => undefined,
    published: () => Promise.resolve(script.published ?? []),
    ...scriptedLibrary(script.stored ?? [], pace),
    training: createScriptedTraining({ paceMs: pace * 20, ...script.training }),
    demoRun: () => Promise.resolve(new Blob(['a recorded run'])),
    hasDemoRun: () => Promise.resolve(true),
    trained: new TrainedModels(null),
    keepAwake: () => Promise.resolve(),
    release: () => undefined,
    capabilities: () =>
      Promise.resolve({
        browser: 'a scripted browser',
        webgpu: {
          adapter: 'scripted adapter',
          available: true,
          fallback: false,
          f16: true,
          subgroups: true,
          maxBufferBytes: 2 ** 31,
          maxBindingBytes: 2 ** 27,
        },
        crossOriginIsolated: true,
        threads: 8,
        opfs: true,
        locks: true,
        wakeLock: true,
        storage: { usedBytes: 5_300_000, quotaBytes: 12_000_000_000, persisted: false },
      }),
    storage: () => Promise.resolve({ usedBytes: 5_300_000, quotaBytes: 12_000_000_000, persisted: false }),
    persist: () => Promise.resolve(false),
    demoQuestions: () =>
      Promise.resolve([
        {
          question: FIXTURE_QUESTION,
          answers: ['Tessaly Ford'],
          goldIds: ['harrow-lamp-guild', 'odell-marrin'],
          hops: 2,
        },
        {
          question: 'Which river passes the town where The Ninth Lock was written?',
          answers: ['Ansel'],
          goldIds: [],
          hops: 3,
        },
        { question: 'Is Corvane larger than Tessaly Ford?', answers: ['yes'], goldIds: [], hops: 2 },
      ]),
    models: () =>
      Promise.resolve([
        { id: 'demo', name: 'Demo model', note: 'trained by us on a made-up world', bytes: 4_100_000 },
        ...onnx.map(onnxOption),
      ]),
    onnx: {
      list: () => onnx,
      look: (repository, revision) =>
        Promise.resolve({ repository, revision, dtype: 'q4', bytes: 483_000_000 }),
      add(model) {
        onnx = [...onnx, model];
        return onnxId(model);
      },
      remove: (id) => void (onnx = onnx.filter((model) => onnxId(model) !== id)),
    },
    encoders: () =>
      Promise.resolve([
        {
          id: 'demo-encoder',
          name: 'Demo encoder',
          note: 'trained by us on a made-up world',
          bytes: 1_400_000,
        },
        { id: 'intfloat/e5-small-v2', name: 'intfloat/e5-small-v2', note: '', bytes: 133_000_000 },
      ]),
    corpora: {
      list: () => Promise.resolve(corpora),
      import: async (request, onProgress, signal) => {
        for (let done = 0; done <= 200; done += 10) {
          throwIfAborted(signal);
          onProgress({ done, total: 200, unit: 'passages' });
          await pause(pace, signal);
        }
        const entry: CorpusEntry = {
          ...DEMO,
          id: `own-${corpora.length}`,
          name: request.name,
          passages: 200,
          encoder: request.encoder,
          builtIn: false,
        };
        corpora = [...corpora, entry];
        return { entry, refusals: [{ path: 'broken.jsonl', line: 17, reason: 'This line is not JSON.' }] };
      },
      rename: (id, name) => {
        corpora = corpora.map((corpus) => (corpus.id === id ? { ...corpus, name } : corpus));
        return Promise.resolve();
      },
      remove: (id) => {
        corpora = corpora.filter((corpus) => corpus.id !== id);
        return Promise.resolve();
      },
      unfinished: () => Promise.resolve([]),
      resume: () => Promise.resolve({ entry: DEMO, refusals: [] }),
      update: () => Promise.resolve({ entry: DEMO, refusals: [] }),
      buildIndex: () => Promise.resolve(DEMO),
      map: () =>
        Promise.resolve({
          rows: Uint32Array.of(0, 1),
          x: Float32Array.of(-1, 1),
          y: Float32Array.of(0.2, -0.2),
          titles: ['Harrow Lamp Guild', 'Odell Marrin'],
          shares: [0.7, 0.3],
        }),
      discard: () => Promise.resolve(),
      ...scriptedLinks(DEMO),
    },
    prepare: async (_runs, _endpoints, onEvent, signal) => {
      for (const event of script.loads ?? LOADS) {
        await pause(pace * 4, signal);
        throwIfAborted(signal);
        onEvent(event);
      }
    },
    async *run(request, _endpoints, signal) {
      const single = !SYSTEMS[request.system].searcher;
      const events = single ? (script.naive ?? streamed(FIXTURE_NAIVE)) : (script.s3 ?? streamed(FIXTURE_S3));
      for (const event of events) {
        await pause(pace, signal);
        throwIfAborted(signal);
        yield event;
      }
    },
    evaluations: () =>
      Promise.reject(
        new AppError('UNSUPPORTED', 'The scripted page evaluates nothing.', { fix: 'Open the built page.' }),
      ),
    testConnection: (endpoint) => {
      if (!endpoint.baseUrl.includes('localhost')) {
        return Promise.resolve({
          ok: false,
          message: 'Nothing answers at this address.',
          fix: 'Start the server.',
          models: [],
        });
      }
      return Promise.resolve({
        ok: true,
        message: 'The server answered.',
        fix: '',
        models: [endpoint.model],
      });
    },
  };
}
