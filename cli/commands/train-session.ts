/** A run's parts as the command line opens them: models and corpora by reference, files beside the run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAdapter } from '../../src/generate/adapter-files';
import { parseModelConfig } from '../../src/lm/config';
import { closeModel, modelFilesOf } from '../../src/lm/import/open-model';
import { systemClock } from '../../src/platform/clock';
import { AppError } from '../../src/protocol/errors';
import type { RunConfig, TrainingQuestion } from '../../src/train/records';
import { prepareRun } from '../../src/train/runs/baselines';
import { DEMO_QUESTIONS_FILE, DEMO_TRAIN } from '../../src/train/runs/demo-train';
import { openEngineSession, type Prepared } from '../../src/train/runs/open-session';
import { parseQuestions } from '../../src/train/runs/question-file';
import type { OpenSession } from '../../src/train/runs/session';
import { isMedicalCorpus } from '../../src/protocol/medical-corpora';
import { openMedicalCorpus } from '../../src/retrieval/remote/medical';
import { openBackend } from '../backend';
import { openCheckpoint } from '../checkpoint';
import type { Console } from '../command';
import { chooseRetriever } from '../corpus-retriever';
import { FolderSource } from '../folder-source';
import { openDemoRetriever } from '../demo-retriever';
import { demoFolder } from '../folders';
import { Models } from '../models';
import { appendedFile, cacheFile, filterLine, journalFile, readRagCache } from './train-baselines';

const demoTrainFolder = join(demoFolder, 'train');

/** @throws AppError NOT_FOUND, BAD_INPUT */
export async function readTrainingQuestions(source: string): Promise<TrainingQuestion[]> {
  const path = source === DEMO_TRAIN ? join(demoTrainFolder, DEMO_QUESTIONS_FILE) : source;
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `The questions ${path} cannot be read.`, {
      fix: 'Give the path of a file of JSON lines in questions.source.',
      cause,
    });
  });
  return parseQuestions(text, source);
}

/**
 * `pubmed` and `clinical-trials` are the public services. Their key is read from the environment alone; `S3_PUBMED_URL` and
 * `S3_CLINICAL_TRIALS_URL` are addresses of mirrors.
 */
export async function openRetriever({ corpus, retrieval }: RunConfig, console: Console) {
  if (isMedicalCorpus(corpus)) {
    const { NCBI_API_KEY, S3_PUBMED_URL, S3_CLINICAL_TRIALS_URL } = process.env;
    return openMedicalCorpus(corpus, {
      ...{ fetch, clock: systemClock, apiKey: () => NCBI_API_KEY },
      addresses: { pubmed: S3_PUBMED_URL, 'clinical-trials': S3_CLINICAL_TRIALS_URL },
    });
  }
  if (corpus === DEMO_TRAIN) return openDemoRetriever(retrieval, console, demoTrainFolder);
  return (await chooseRetriever(corpus, retrieval, console)).retriever;
}

/** Opens sessions of runs; what is found out about plain RAG lies in the folder. */
export function sessionOpener(console: Console, folder: string): OpenSession {
  return async (config, { signal, onLoading }) => {
    const retriever = await openRetriever(config, console);
    const opened = await openCheckpoint(config.searcher.model, config.searcher.weights, console);
    const models = new Models(console, config.device);
    try {
      const { adapter: path } = config.searcher;
      const adapter =
        path === undefined
          ? undefined
          : await readAdapter(await FolderSource.open(path), parseModelConfig(opened.config), signal);
      const own = config.generator === 'searcher' || config.generator === config.searcher.model;
      const generator = own ? undefined : (await models.open(config.generator)).model;
      const session = await openEngineSession({
        ...{ config, adapter, retriever, generator, signal, onLoading, clock: systemClock },
        backend: await openBackend(console, config.device),
        files: await modelFilesOf(opened, signal),
        prepare: async (tools): Promise<Prepared> => {
          const { counts, ...prepared } = await prepareRun({
            ...{ ...tools, config, signal, clock: systemClock },
            ...{ concurrency: 2 * tools.slots, imported: await readRagCache(join(folder, cacheFile)) },
            questions: await readTrainingQuestions(config.questions.source),
            journal: appendedFile(join(folder, journalFile)),
            onProgress: (done, total) => onLoading('Questions answered by plain RAG', done, total),
          });
          console.note(filterLine(counts));
          return prepared;
        },
      });
      return {
        ...session,
        dispose: async () => {
          await session.dispose();
          await models.dispose();
        },
      };
    } catch (error) {
      await models.dispose();
      throw error;
    } finally {
      await closeModel(opened);
    }
  };
}
