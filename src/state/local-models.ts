/** The language models that run in this tab: one worker for each, kept as long as the page lives. */
import { proxy, type RpcConnection } from '../platform/rpc/connection';
import { remoteLanguageModel } from '../platform/rpc/remote-language-model';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { Progress } from '../protocol/retrieval';
import type { LmWorkerApi, LocalModelInfo } from '../protocol/lm-worker';
import type { LoadEvent, Part } from './laboratory';
import type { DeviceChoice } from './settings';

interface Loaded {
  connection: RpcConnection<LmWorkerApi>;
  info: LocalModelInfo | null;
}

export interface OpenRequest {
  id: string;
  name: string;
  part: Part;
  device: DeviceChoice;
}

const keyOf = (id: string, device: DeviceChoice): string => `${id} on ${device}`;

export class LocalModels {
  readonly #start: () => RpcConnection<LmWorkerApi>;
  readonly #modelsUrl: string;
  readonly #loaded = new Map<string, Loaded>();

  constructor(start: () => RpcConnection<LmWorkerApi>, modelsUrl: string) {
    this.#start = start;
    this.#modelsUrl = modelsUrl;
  }

  /** Loads a model, or finds it loaded; says how far it is. A worker that died is started anew. */
  async load(
    { id, name, part, device: wanted }: OpenRequest,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const loaded = this.#workerOf(keyOf(id, wanted));
    if (!loaded.info) {
      onEvent({ part, phase: 'download', name });
      loaded.info = await loaded.connection.remote.load(
        { modelsUrl: this.#modelsUrl, model: { kind: 'embedded', id }, device: wanted },
        proxy((progress: Progress) => {
          const finished = progress.total > 0 && progress.done >= progress.total;
          onEvent(finished ? { part, phase: 'compile', name } : { part, phase: 'download', name, progress });
        }),
        signal,
      );
    }
    const { device, deviceName, reason } = loaded.info;
    onEvent({
      part,
      phase: 'ready',
      name,
      device: device === 'webgpu' ? `WebGPU, ${deviceName}` : deviceName,
      ...(reason !== undefined && { reason }),
    });
  }

  /** A model that `load` has loaded. */
  model(id: string, device: DeviceChoice): LanguageModel {
    const loaded = this.#loaded.get(keyOf(id, device));
    if (!loaded?.info) {
      throw new AppError('INTERNAL', `The model ${id} is not loaded.`, {
        fix: 'Ask again.',
        recoverable: true,
      });
    }
    return remoteLanguageModel(id, loaded.connection.remote, loaded.connection.lost);
  }

  #workerOf(key: string): Loaded {
    const known = this.#loaded.get(key);
    if (known && !known.connection.lost.aborted) return known;
    const fresh: Loaded = { connection: this.#start(), info: null };
    this.#loaded.set(key, fresh);
    return fresh;
  }
}
