/** Exports of stored models, one of each model at a time. */
import { isAbort, toEnvelope, type ErrorEnvelope } from '../protocol/errors';
import type { ExportModelRequest, ModelExport } from '../protocol/model-export';
import type { ModelLibraryApi } from '../protocol/model-library';
import { Meter, type Measured } from './meter';
import { Running } from './running';

export interface ExportJob {
  status: 'running' | 'done' | 'failed';
  measured: Measured | null;
  /** What came out; its archive has been given to the browser by then. */
  result: ModelExport | null;
  error: ErrorEnvelope | null;
}

export class ModelExports {
  /** By the model's id. */
  jobs = $state.raw<Readonly<Record<string, ExportJob>>>({});
  #library: Pick<ModelLibraryApi, 'exportModel'>;
  #running = new Running();

  constructor(library: Pick<ModelLibraryApi, 'exportModel'>) {
    this.#library = library;
  }

  /** Never rejects: what goes wrong stands in the job. `save` hands an archive to the browser's downloads. */
  async run(request: ExportModelRequest, save: (archive: Blob, name: string) => void): Promise<void> {
    const { model } = request;
    await this.#running.run(model, async (signal) => {
      const meter = new Meter();
      this.#set(model, { status: 'running', measured: null, result: null, error: null });
      try {
        const result = await this.#library.exportModel(
          request,
          (progress) => {
            // Messages come by a way of their own, and may come late.
            if (signal.aborted || this.jobs[model]?.status !== 'running') return;
            const measured = meter.measure(progress, performance.now());
            this.#set(model, { status: 'running', measured, result: null, error: null });
          },
          signal,
        );
        if (result.archive) save(result.archive, `${result.name}.tar`);
        this.#set(model, { status: 'done', measured: null, result, error: null });
      } catch (error) {
        const failed: ExportJob = {
          status: 'failed',
          measured: null,
          result: null,
          error: toEnvelope(error),
        };
        this.#set(model, isAbort(error) || signal.aborted ? null : failed);
      }
    });
  }

  /** Resolves when it has stopped and its files are gone. */
  async stop(model: string): Promise<void> {
    await this.#running.stop(model);
  }

  dismiss(model: string): void {
    this.#set(model, null);
  }

  #set(model: string, job: ExportJob | null): void {
    const { [model]: _before, ...others } = this.jobs;
    this.jobs = job ? { ...others, [model]: job } : others;
  }
}
