import type { Backend } from '../gpu/backend';
import { openLocalModel, type LocalModel } from '../lm/local-model';
import type { Clock } from '../protocol/clock';
import { AppError, isAbort, throwIfAborted, toEnvelope } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../protocol/language-model';
import type {
  ComputeDevice,
  LmWorkerApi,
  LmWorkerEvent,
  LoadLocalModelRequest,
  LocalModelInfo,
} from '../protocol/lm-worker';
import type { OnProgress } from '../protocol/retrieval';
import { readAdapter } from './adapter-files';
import { findModel, type FoundModel, type PartsTools } from './model-parts';
import { MemoryFit } from './memory-fit';
import type { PickedBackend } from './pick-backend';
import { BrokeOff, Replay } from './replay';

export interface LocalServiceTools extends PartsTools {
  pick: (wanted: ComputeDevice | 'auto') => Promise<PickedBackend>;
  clock: Clock;
}

interface Opened {
  request: LoadLocalModelRequest;
  found: FoundModel;
  model: LocalModel;
  backend: Backend;
  info: LocalModelInfo;
}

/** Before the tries after a lost device: the browser may be restarting its graphics process. */
const WAITS_MS: readonly number[] = [1000, 2000, 4000];
/** Of the device, in one generation: what is lost again and again is not worth another try. */
const MAX_LOSSES = 3;

const sameRequest = (a: LoadLocalModelRequest, b: LoadLocalModelRequest): boolean =>
  a.modelsUrl === b.modelsUrl &&
  a.model.kind === b.model.kind &&
  a.model.id === b.model.id &&
  a.device === b.device &&
  a.weights === b.weights &&
  a.maxContext === b.maxContext &&
  a.slots === b.slots;

const codeOf = (error: unknown): string => toEnvelope(error).code;

/**
 * One local model at a time, with the device it runs on. What the worker of the language model exposes. A device that is lost is opened
 * again and the model read anew, a bounded number of times; listeners hear of it.
 */
export class LocalModelService implements LmWorkerApi {
  readonly #tools: LocalServiceTools;
  readonly #listeners = new Set<(event: LmWorkerEvent) => void>();
  #opened: Opened | undefined;
  /** Loads and unloads follow one another. */
  #last: Promise<unknown> = Promise.resolve();
  #recovery: { of: Opened; done: Promise<void>; abort: AbortController } | undefined;

  constructor(tools: LocalServiceTools) {
    this.#tools = tools;
  }

  /** @throws AppError NOT_FOUND, NETWORK, INTEGRITY, BAD_INPUT, UNSUPPORTED, OUT_OF_MEMORY, DEVICE_LOST, ABORTED */
  load(
    request: LoadLocalModelRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<LocalModelInfo> {
    return this.#queue(async () => {
      throwIfAborted(signal);
      if (this.#opened && sameRequest(this.#opened.request, request)) return this.#opened.info;
      await this.#close();
      const found = await findModel(request, this.#tools, onProgress, signal);
      this.#opened = await this.#openPersistently(request, found, undefined, signal);
      return this.#opened.info;
    });
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    const replay = new Replay();
    for (let losses = 0; ; losses += 1) {
      const opened = await this.#current(signal);
      replay.restart();
      try {
        for await (const event of opened.model.generate(request, signal)) {
          const fresh = replay.pass(event);
          if (fresh) yield fresh;
        }
        return;
      } catch (error) {
        // A rebuild for another sequence stops this one.
        const stopped = isAbort(error) && !signal?.aborted && this.#recovery?.of === opened;
        const lost = codeOf(error) === 'DEVICE_LOST' && !(error instanceof BrokeOff);
        if ((!lost && !stopped) || losses >= MAX_LOSSES) throw error;
        await this.#recover(opened, error, signal);
      }
    }
  }

  async countTokens(texts: readonly string[]): Promise<number[]> {
    return (await this.#current(undefined)).model.countTokens(texts);
  }

  unload(): Promise<void> {
    this.#recovery?.abort.abort();
    return this.#queue(() => this.#close());
  }

  watch(listener: (event: LmWorkerEvent) => void): Promise<void> {
    this.#listeners.add(listener);
    return Promise.resolve();
  }

  #emit(event: LmWorkerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** The loaded model; waits for a rebuild that is under way. */
  async #current(signal: AbortSignal | undefined): Promise<Opened> {
    if (this.#recovery) await unlessAborted(this.#recovery.done, signal);
    if (this.#opened) return this.#opened;
    throw new AppError('INTERNAL', 'No model is loaded.', {
      fix: 'Load a model and try again.',
      recoverable: true,
    });
  }

  /** Rebuilds what was lost, once for all who have lost it. @throws AppError DEVICE_LOST, ABORTED and what `load` throws */
  async #recover(lost: Opened, error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (this.#opened === lost && this.#recovery?.of !== lost) {
      const abort = new AbortController();
      const done = this.#queue(async () => {
        if (this.#opened !== lost) return;
        await this.#close();
        this.#opened = await this.#openPersistently(lost.request, lost.found, error, abort.signal);
      });
      const recovery = { of: lost, done, abort };
      this.#recovery = recovery;
      const finished = (): void => {
        if (this.#recovery === recovery) this.#recovery = undefined;
      };
      done.then(finished, finished);
    }
    if (this.#recovery) await unlessAborted(this.#recovery.done, signal);
  }

  /** Opens a model; `failure` is the loss that it is opened again for. */
  async #openPersistently(
    request: LoadLocalModelRequest,
    found: FoundModel,
    failure: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const wanted = request.device ?? 'auto';
    let error = failure;
    let rebuilding = failure !== undefined;
    for (let attempt = rebuilding ? 1 : 0; attempt <= WAITS_MS.length; attempt += 1) {
      const waitMs = WAITS_MS[attempt - 1];
      if (waitMs !== undefined) {
        if (attempt === 1) this.#emit({ type: 'device lost', message: toEnvelope(error).message });
        this.#emit({ type: 'rebuilding', attempt, of: WAITS_MS.length, waitMs });
        await this.#tools.clock.sleep(waitMs, signal);
      }
      try {
        const opened = await this.#open(request, found, wanted, signal);
        if (attempt > 0) this.#emit({ type: 'rebuilt', info: opened.info });
        return opened;
      } catch (caught) {
        if (signal?.aborted || isAbort(caught)) throw caught;
        error = caught;
        // While the browser restarts its graphics process there may be no adapter for a while.
        const mayPass = codeOf(caught) === 'DEVICE_LOST' || (rebuilding && codeOf(caught) === 'UNSUPPORTED');
        if (!mayPass) break;
        rebuilding = true;
      }
    }
    return this.#giveUp(request, found, { error, rebuilding }, signal);
  }

  /** What is left: the CPU, where that was not excluded; else the error, in words. */
  async #giveUp(
    request: LoadLocalModelRequest,
    found: FoundModel,
    { error, rebuilding }: { error: unknown; rebuilding: boolean },
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { code, message } = toEnvelope(error);
    const gpuFailed = rebuilding || code === 'OUT_OF_MEMORY' || code === 'DEVICE_LOST';
    if (!gpuFailed) throw error;
    const onCpu = (request.device ?? 'auto') === 'auto' && (await this.#openOnCpu(request, found, signal));
    if (onCpu) {
      const opened = onCpu;
      const info = { ...opened.info, reason: `WebGPU failed: ${message}` };
      if (rebuilding) this.#emit({ type: 'rebuilt', info });
      return { ...opened, info };
    }
    if (!rebuilding) throw error;
    const lost = new AppError(
      'DEVICE_LOST',
      `The graphics device was lost, and “${found.title}” could not be loaded again: ${message}`,
      {
        fix: 'Ask again in a while, choose a smaller model or the CPU, or restart the browser.',
        recoverable: true,
      },
    );
    this.#emit({ type: 'gave up', error: toEnvelope(lost) });
    throw lost;
  }

  /** Null where the model is too large for it. */
  async #openOnCpu(
    request: LoadLocalModelRequest,
    found: FoundModel,
    signal: AbortSignal | undefined,
  ): Promise<Opened | null> {
    try {
      return await this.#open(request, found, 'cpu', signal);
    } catch (error) {
      if (codeOf(error) === 'UNSUPPORTED') return null;
      throw error;
    }
  }

  async #open(
    request: LoadLocalModelRequest,
    found: FoundModel,
    wanted: ComputeDevice | 'auto',
    signal: AbortSignal | undefined,
  ): Promise<Opened> {
    const { backend, reason } = await this.#tools.pick(wanted);
    const { weights, maxContext, slots } = request;
    let fit: MemoryFit | undefined;
    try {
      const { id, title, files, adapters, shapes } = await found.read(signal);
      fit = new MemoryFit(title, files, request, backend, shapes);
      if ((request.device ?? 'auto') === 'auto') fit.requireSmallOnCpu();
      const model = await openLocalModel({
        ...{ id, files, backend },
        ...(weights && { weights }),
        ...(maxContext !== undefined && { maxContext }),
        ...(slots !== undefined && { slots }),
        ...(signal && { signal }),
      });
      for (const [adapter, source] of adapters) {
        await model.addAdapter(adapter, (config) => readAdapter(source, config, signal));
      }
      const info: LocalModelInfo = {
        ...{ id, title },
        device: backend.description.kind,
        deviceName: backend.description.name,
        maxContext: model.maxContext,
        weights: fit.weights,
        liveBytes: backend.liveBytes,
        adapters: [...adapters.keys()],
        ...(reason !== undefined && { reason }),
      };
      return { request, found, model, backend, info };
    } catch (error) {
      backend.dispose();
      throw codeOf(error) === 'OUT_OF_MEMORY' && fit ? fit.describe() : error;
    }
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.model.dispose();
    opened?.backend.dispose();
  }
}

/** The promise's outcome, or `ABORTED` as soon as the signal fires; the work itself goes on for others. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new AppError('ABORTED', 'Stopped.', { recoverable: true }));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
