/** The page's evaluations: the runner on the page's thread, over the workers that also serve the Ask page. Fetched when first needed. */
import { remoteFile, isRemoteSource } from '../evaluation/datasets/hub-files';
import type { SourceFile } from '../evaluation/datasets/source-file';
import type { EvaluationApi, HandedFile } from '../evaluation/evaluation-types';
import { createEvaluations } from '../evaluation/runner/evaluation-service';
import type { EvaluationLaboratory, OnLoading, OpenedModel } from '../evaluation/runner/laboratory';
import { systemClock } from '../platform/clock';
import { openEvaluationDatabase } from '../platform/storage/evaluation-database';
import type { Locks } from '../platform/storage/locks';
import type { Fetch } from '../protocol/clock';
import { AppError } from '../protocol/errors';
import type { RetrievalMode, Retriever } from '../protocol/retrieval';
import type { LoadEvent } from './laboratory';

export interface EvaluationPlatform {
  fetch: Fetch;
  /** Between the tabs of the page. */
  locks: Locks;
  /** Where the demo's questions lie. */
  demoUrl: string;
  hub: () => string;
  /** @param opened all of the run so far, this one among them */
  openModel: (
    reference: string,
    opened: readonly string[],
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ) => Promise<OpenedModel>;
  /** A run is over: what it had opened is free. */
  released: () => void;
  openCorpus: (
    id: string,
    mode: RetrievalMode,
    onEvent: (event: LoadEvent) => void,
    signal: AbortSignal,
  ) => Promise<{ name: string; retriever: Retriever }>;
  /** What a corpus was made to be searched by. */
  corpusModes: (id: string) => Promise<RetrievalMode[]>;
}

const tell =
  (onLoading: OnLoading) =>
  ({ phase, name, progress }: LoadEvent): void => {
    const doing = { download: 'Downloading', read: 'Reading', index: 'Indexing', compile: 'Compiling' };
    if (phase !== 'ready') onLoading(`${doing[phase]} ${name}`, progress?.done, progress?.total);
  };

export function browserEvaluations(platform: EvaluationPlatform): EvaluationApi {
  let opened: string[] = [];
  const laboratory: EvaluationLaboratory = {
    openModel(reference, onLoading, signal) {
      opened = [...opened, reference];
      return platform.openModel(reference, opened, tell(onLoading), signal);
    },
    async openRetrievers(corpus, retrieval, needs, onLoading, signal) {
      const modes = await platform.corpusModes(corpus);
      const mode = retrieval === 'auto' ? (modes.includes('dense') ? 'dense' : 'bm25') : retrieval;
      const open = (which: RetrievalMode) => platform.openCorpus(corpus, which, tell(onLoading), signal);
      // What only searches by words need not wait for vectors.
      const given = await open(needs.given ? mode : 'bm25');
      const bm25 = needs.bm25 ? (await open('bm25')).retriever : undefined;
      return { name: given.name, mode, retriever: given.retriever, ...(bm25 && { bm25 }) };
    },
    openSource: (source, handed) => Promise.resolve(sourceFiles(source, handed, platform)),
    close() {
      opened = [];
      platform.released();
      return Promise.resolve();
    },
  };
  return createEvaluations({
    store: openEvaluationDatabase({
      locks: platform.locks,
      now: () => Date.now(),
    }),
    laboratory,
    clock: systemClock,
    random: Math.random,
    now: () => new Date().toISOString(),
    newId: () => crypto.randomUUID(),
  });
}

/** @throws AppError `BAD_INPUT`, `NOT_FOUND` for a source that a page cannot open */
export function sourceFiles(
  source: string,
  handed: readonly HandedFile[],
  { fetch, demoUrl, hub }: Pick<EvaluationPlatform, 'fetch' | 'demoUrl' | 'hub'>,
): SourceFile[] {
  const demo = /^demo:(dev|test)$/.exec(source)?.[1];
  if (demo !== undefined) return [remoteFile(`${demoUrl}questions.${demo}.jsonl`, fetch)];
  if (isRemoteSource(source)) return [remoteFile(source, fetch, { hub: hub() })];
  const name = source.replace(/^file:/, '');
  const own = handed.filter((file) => file.name === name || file.name.startsWith(`${name}/`));
  if (source.startsWith('file:') && own.length > 0) {
    return own.map(({ name: path, blob }) => ({
      path: path === name ? path : path.slice(name.length + 1),
      read: async () => new Uint8Array(await blob.arrayBuffer()),
    }));
  }
  throw new AppError('NOT_FOUND', `The data set “${source.slice(0, 160)}” is not at hand.`, {
    fix: 'Choose its file again, name a file of the hub, or take the demo’s questions.',
  });
}
