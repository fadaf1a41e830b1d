/** Sessions and exports of runs in a worker of the page. */
import type { PickedBackend } from '../../generate/pick-backend';
import { closeModel, modelFilesOf } from '../../lm/import/open-model';
import type { ExportedFile } from '../../protocol/model-export';
import type { ComputeDevice } from '../../protocol/lm-worker';
import { slugOf } from '../../protocol/model-ids';
import type { Retriever } from '../../protocol/retrieval';
import type { RunConfig } from '../records';
import { prepareRun } from './baselines';
import { exportCheckpoint } from './export-run';
import { openEngineSession } from './open-session';
import type { RunData, RunExporter } from './service-parts';
import type { OpenSession } from './session';
import { WorkerModels, type WorkerModelTools } from './worker-models';

export interface WorkerTools extends WorkerModelTools {
  pick: (wanted: ComputeDevice | 'auto') => Promise<PickedBackend>;
  retriever: (
    config: RunConfig,
    onLoading: (label: string, done: number, total: number) => void,
    signal: AbortSignal,
  ) => Promise<Retriever>;
  data: RunData;
  /** Files as one, to be downloaded. */
  archive: (folder: string, files: { path: string; bytes: number; pieces: Blob[] }[]) => Blob;
}

export function workerSessions(tools: WorkerTools): OpenSession {
  const models = new WorkerModels(tools);
  return async (config, { signal, onLoading }) => {
    const retriever = await tools.retriever(config, onLoading, signal);
    const opened = await models.open(
      config.searcher.model,
      ({ label, done, total }) => onLoading(label ?? 'The model', done, total),
      signal,
    );
    const adapter = await models.adapter(config, opened, signal);
    const files = await modelFilesOf(opened, signal);
    const { backend } = await tools.pick(config.device);
    const own = config.generator === 'searcher' || config.generator === config.searcher.model;
    let generator;
    try {
      generator = own ? undefined : await models.generator(config.generator, backend, signal);
    } catch (error) {
      backend.dispose();
      throw error;
    }
    try {
      return await openEngineSession({
        ...{ config, backend, files, adapter, retriever, generator, signal, onLoading },
        clock: tools.clock,
        prepare: async ({ slots, ...parts }) =>
          prepareRun({
            ...{ ...parts, config, signal, clock: tools.clock, concurrency: 2 * slots },
            questions: await tools.data.questions(config.questions.source),
            journal: tools.data.journal(config),
            imported: await tools.data.known(config),
            onProgress: (done, total) => onLoading('Questions answered by plain RAG', done, total),
          }),
      });
    } finally {
      await closeModel(opened);
    }
  };
}

export function workerExporter(tools: WorkerTools): RunExporter {
  const models = new WorkerModels(tools);
  return async ({ record, content, format }, onProgress, signal) => {
    const { config } = record;
    const model = await models.open(config.searcher.model, onProgress, signal);
    try {
      const start = await models.adapter(config, model, signal);
      const files = await exportCheckpoint(format, { model, config, state: content.state, start, signal });
      const name = `${slugOf(config.name)}-step-${content.step}${format === 'peft' ? '' : '-merged'}`;
      const entries = await Promise.all(files.map((file) => wholeFile(file, signal)));
      return {
        name: `${name}.tar`,
        blob: tools.archive(name, entries),
        files: files.map(({ path, bytes }) => ({ path, bytes })),
      };
    } finally {
      await closeModel(model);
    }
  };
}

async function wholeFile(
  file: ExportedFile,
  signal: AbortSignal | undefined,
): Promise<{ path: string; bytes: number; pieces: Blob[] }> {
  const pieces: Blob[] = [];
  // A Blob may go to the disk, which a list of arrays does not.
  for await (const part of file.parts(signal)) pieces.push(new Blob([part]));
  return { path: file.path, bytes: file.bytes, pieces };
}
