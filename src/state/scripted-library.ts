/** The part of the scripted laboratory that plays the models of this device. */
import { AppError, throwIfAborted } from '../protocol/errors';
import type { LocalModelInfo } from '../protocol/lm-worker';
import { originOf, titleOf } from '../protocol/model-ids';
import type { ImportSummary } from '../protocol/model-import';
import type { ListedModel, ModelLibraryApi, StoredModel } from '../protocol/model-library';
import type { Laboratory, RunnerEvent } from './laboratory';

const TOTAL = 988_000_000;

const SUMMARY: ImportSummary = {
  ...{ name: 'hf:owner/name', architecture: 'Qwen2ForCausalLM', weights: 'q4', parameters: 494_000_000 },
  ...{
    sourceBytes: TOTAL,
    packBytes: 330_000_000,
    shards: 6,
    licence: 'apache-2.0',
    revision: 'abc',
    notices: [],
  },
};

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function scriptedLibrary(
  given: readonly ListedModel[],
  paceMs: number,
): Pick<Laboratory, 'library' | 'runner'> {
  let models = [...given];
  const listeners = new Set<(id: string, event: RunnerEvent) => void>();
  const find = (id: string): StoredModel => {
    const model = models.find((candidate) => candidate.id === id);
    if (!model) throw new AppError('NOT_FOUND', 'There is no such model.');
    return model;
  };
  const put = (model: StoredModel, busy = false): StoredModel => {
    models = [...models.filter(({ id }) => id !== model.id), { ...model, busy }];
    return model;
  };
  const library: ModelLibraryApi = {
    listModels: () => Promise.resolve(models),
    inspectModel: () => Promise.resolve(SUMMARY),
    async importModel({ id, from, weights = 'q4' }, onProgress, signal) {
      const origin = originOf(from);
      const before = models.find((model) => model.id === id)?.progress?.done ?? 0;
      const model: StoredModel = {
        ...{ id, name: titleOf(origin), origin, weights, createdAt: '2026-11-21T10:00:00Z', state: 'paused' },
        ...{ bytes: 0, progress: { done: before, total: TOTAL }, report: null, config: null, settings: {} },
        adapters: [],
      };
      put(model);
      for (let done = before; done <= TOTAL; done += TOTAL / 20) {
        throwIfAborted(signal);
        put({ ...model, progress: { done, total: TOTAL } });
        onProgress?.({ phase: 'transfer', done, total: TOTAL, resumed: before, label: 'model.layers.0' });
        await wait(paceMs);
      }
      const report = { ...SUMMARY, resumedBytes: before };
      return put({ ...model, state: 'ready', progress: null, bytes: SUMMARY.packBytes, report });
    },
    addAdapter: ({ model, from }) => {
      const known = find(model);
      const name = titleOf(originOf(from));
      const adapter = { id: 'adapter', name, bytes: 9_000_000, createdAt: '2026-11-21T10:00:00Z' };
      return Promise.resolve(put({ ...known, adapters: [...known.adapters, adapter] }));
    },
    removeAdapter: (model, adapter) => {
      const known = find(model);
      return Promise.resolve(put({ ...known, adapters: known.adapters.filter(({ id }) => id !== adapter) }));
    },
    async exportModel({ model }, onProgress, signal) {
      const { name, bytes } = find(model);
      for (let done = 0; done <= bytes; done += Math.max(1, bytes / 10)) {
        throwIfAborted(signal);
        onProgress?.({ done, total: bytes, unit: 'bytes' });
        await wait(paceMs);
      }
      return { name, files: [{ path: 'pack.json', bytes }], archive: new Blob(['a tar']) };
    },
    changeModel: (id, change) => Promise.resolve(put({ ...find(id), ...change })),
    deleteModel: (id) => {
      models = models.filter((model) => model.id !== id);
      return Promise.resolve();
    },
    estimate: () => Promise.resolve({ usedBytes: 5_300_000, quotaBytes: 12_000_000_000, persisted: false }),
  };
  return {
    library,
    runner: {
      async load(id, device, signal) {
        await wait(paceMs * 4);
        throwIfAborted(signal);
        const info: LocalModelInfo = {
          ...{
            id,
            title: find(id).name,
            device: device === 'cpu' ? 'cpu' : 'webgpu',
            deviceName: 'a scripted card',
          },
          ...{ maxContext: 4096, weights: 'q4', liveBytes: 500_000_000, adapters: [] },
        };
        for (const listener of listeners) listener(id, { type: 'loaded', info });
        return info;
      },
      unload: (id) => {
        for (const listener of listeners) listener(id, { type: 'unloaded' });
        return Promise.resolve();
      },
      watch: (listener) => void listeners.add(listener),
    },
  };
}
