import { proxy, type RpcConnection } from '../platform/rpc/connection';
import type { TrainingApi } from '../train/worker-api';

/** Training over the worker that does it; it is started when first needed, and again when it has died. */
export function remoteTraining(start: () => RpcConnection<TrainingApi>): TrainingApi {
  let connection: RpcConnection<TrainingApi> | null = null;
  let searchKey = '';
  const remote = (): RpcConnection<TrainingApi>['remote'] => {
    if (!connection || connection.lost.aborted) {
      connection = start();
      // A worker that died has forgotten it. Calls arrive in their order; whether it is there, the next one tells.
      if (searchKey) connection.remote.useSearchKey(searchKey).catch(() => undefined);
    }
    return connection.remote;
  };
  return {
    listRuns: async () => remote().listRuns(),
    getRun: async (run) => remote().getRun(run),
    createRun: async (config) => remote().createRun(config),
    renameRun: async (run, name) => remote().renameRun(run, name),
    deleteRun: async (run) => remote().deleteRun(run),
    listQuestionSets: async () => remote().listQuestionSets(),
    importQuestions: async (file) => remote().importQuestions(file),
    deleteQuestionSet: async (id) => remote().deleteQuestionSet(id),
    precompute: async (config, onProgress, signal) =>
      remote().precompute(config, onProgress && proxy(onProgress), signal),
    useSearchKey: async (key) => {
      searchKey = key;
      // Nothing is started for it.
      if (connection && !connection.lost.aborted) await connection.remote.useSearchKey(key);
    },
    filterCounts: async (config) => remote().filterCounts(config),
    exportCache: async () => remote().exportCache(),
    importCache: async (file) => remote().importCache(file),
    estimate: async (config, onProgress, signal) =>
      remote().estimate(config, onProgress && proxy(onProgress), signal),
    start: async (run) => remote().start(run),
    pause: async (run) => remote().pause(run),
    singleStep: async (run) => remote().singleStep(run),
    resume: async (run) => remote().resume(run),
    stop: async (run) => remote().stop(run),
    fork: async (run, step, config) => remote().fork(run, step, config),
    watch: async (run, listener, signal) => remote().watch(run, proxy(listener), signal),
    steps: async (run, from) => remote().steps(run, from),
    step: async (run, step) => remote().step(run, step),
    saveCheckpoint: async (run) => remote().saveCheckpoint(run),
    keepCheckpoint: async (run, step, kept) => remote().keepCheckpoint(run, step, kept),
    deleteCheckpoint: async (run, step) => remote().deleteCheckpoint(run, step),
    exportRun: async (run, format, step, onProgress, signal) =>
      remote().exportRun(run, format, step, onProgress && proxy(onProgress), signal),
    importRun: async (file) => remote().importRun(file),
  };
}
