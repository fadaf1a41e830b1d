/** Runs of a browser tab: records in IndexedDB, checkpoints in OPFS, locks and a channel between the tabs. */
import { AppError } from '../src/protocol/errors';
import type { CorpusServiceApi } from '../src/protocol/corpus';
import type { Retriever } from '../src/protocol/retrieval';
import type { RunRecord, StepRecord } from '../src/train/records';
import {
  DEMO_ANSWER_SETTINGS,
  DEMO_ANSWERS_FILE,
  DEMO_QUESTIONS_FILE,
  DEMO_TRAIN,
} from '../src/train/runs/demo-train';
import { createRunData } from '../src/train/runs/run-data';
import { RunStore } from '../src/train/runs/run-store';
import type { RunChannel, TrainingServiceParts } from '../src/train/runs/service-parts';
import type { TrainingEvent } from '../src/train/runs/training-run';
import type { WorkerTools } from '../src/train/runs/worker-session';
import type { QuestionSet } from '../src/train/worker-api';
import { proxy, type RpcConnection } from '../src/platform/rpc/connection';
import { browserLocks, createLocalLocks } from '../src/platform/storage/locks';
import { hasOpfs, OpfsFileStore } from '../src/platform/storage/opfs-file-store';
import { RunDatabase } from '../src/platform/storage/run-database';
import { isMedicalCorpus } from '../src/protocol/medical-corpora';
import { openMedicalCorpus, type MedicalOptions } from '../src/retrieval/remote/medical';
import { sha256Hex } from '../src/retrieval/sha256';

type BrowserParts = Pick<TrainingServiceParts, 'store' | 'data' | 'locks' | 'channel'>;

/** @throws AppError UNSUPPORTED where the browser keeps no files */
export function browserRunParts(): BrowserParts {
  if (typeof indexedDB === 'undefined' || !hasOpfs()) {
    throw new AppError('UNSUPPORTED', 'This browser cannot keep runs for this page.', {
      fix: 'Open the page over https or as http://localhost, outside of a private window.',
    });
  }
  const database = new RunDatabase<RunRecord, StepRecord, QuestionSet>();
  const now = (): string => new Date().toISOString();
  const newId = (): string => crypto.randomUUID();
  const store = new RunStore({
    ...{ records: database, files: new OpfsFileStore(), now, newId, sha256: sha256Hex },
    folder: (run) => `runs/${run}`,
  });
  const builtIn = [{ id: DEMO_TRAIN, name: 'Questions of the demo’s training world', fetch: fetchQuestions }];
  return {
    store,
    data: createRunData({ ...{ store: database, builtIn, now, newId }, answered: [DEMO_ANSWERS] }),
    locks: 'locks' in navigator ? browserLocks : createLocalLocks(),
    channel: tabChannel(),
  };
}

const fetchQuestions = (): Promise<string> => fetchDemo(DEMO_QUESTIONS_FILE);

/** What the demo's own model answers over the training world by plain RAG, so that a run on it need not find out first. */
const DEMO_ANSWERS = { settings: DEMO_ANSWER_SETTINGS, fetch: () => fetchDemo(DEMO_ANSWERS_FILE) };

async function fetchDemo(file: string): Promise<string> {
  const response = await fetch(`/demo/train/${file}`);
  if (response.ok) return response.text();
  throw new AppError('NOT_FOUND', `The questions of the demo could not be loaded (${response.status}).`, {
    fix: 'Reload the page.',
  });
}

function tabChannel(): RunChannel {
  const channel = new BroadcastChannel('s3-web runs');
  return {
    send: (run, event) => channel.postMessage({ run, event }),
    listen(listener) {
      channel.onmessage = ({ data }: MessageEvent<{ run: string; event: TrainingEvent }>) =>
        listener(data.run, data.event);
    },
  };
}

/** Corpora by the worker that holds them, and the public services. */
export function runRetriever(
  { remote }: RpcConnection<CorpusServiceApi>,
  medical: MedicalOptions,
): WorkerTools['retriever'] {
  return async ({ corpus, retrieval }, onLoading, signal): Promise<Retriever> => {
    if (isMedicalCorpus(corpus)) return openMedicalCorpus(corpus, medical);
    const told = proxy(({ label, done, total }: { label?: string; done: number; total: number }) =>
      onLoading(label ?? 'The corpus', done, total),
    );
    await remote.openCorpus(corpus, retrieval, told, signal);
    return {
      mode: retrieval,
      search: (queries, topK, given) => remote.search(corpus, retrieval, queries, topK, given),
    };
  };
}
