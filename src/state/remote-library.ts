import { proxy, type RpcConnection } from '../platform/rpc/connection';
import type { ModelLibraryApi } from '../protocol/model-library';

/** The models of this device, over the worker that keeps them; it is started when first needed, and again when it has died. */
export function remoteLibrary(start: () => RpcConnection<ModelLibraryApi>): ModelLibraryApi {
  let connection: RpcConnection<ModelLibraryApi> | null = null;
  const remote = (): RpcConnection<ModelLibraryApi>['remote'] => {
    if (!connection || connection.lost.aborted) connection = start();
    return connection.remote;
  };
  return {
    listModels: () => remote().listModels(),
    inspectModel: (request, signal) => remote().inspectModel(request, signal),
    importModel: (request, onProgress, signal) =>
      remote().importModel(request, onProgress && proxy(onProgress), signal),
    addAdapter: (request, signal) => remote().addAdapter(request, signal),
    removeAdapter: (model, adapter) => remote().removeAdapter(model, adapter),
    exportModel: (request, onProgress, signal) =>
      remote().exportModel(request, onProgress && proxy(onProgress), signal),
    changeModel: (id, change) => remote().changeModel(id, change),
    deleteModel: (id) => remote().deleteModel(id),
    estimate: () => remote().estimate(),
  };
}
