/** What an evaluation needs of the place it runs in: models, corpora, files. The page and the command line each have their own. */
import type { LanguageModel } from '../../protocol/language-model';
import type { RetrievalMode, Retriever } from '../../protocol/retrieval';
import type { S3Settings } from '../../agent/settings';
import type { SourceFile } from '../datasets/source-file';
import type { HandedFile } from '../evaluation-types';

export interface OpenedModel {
  model: LanguageModel;
  /** What a searcher was trained with; the configuration's settings go before it. */
  search?: Partial<Pick<S3Settings, 'promptStyle' | 'documentsPerQuery'>>;
  /** On this machine: its window bounds what a response can be. */
  local: boolean;
}

export interface OpenedRetrievers {
  /** For people. */
  name: string;
  mode: RetrievalMode;
  retriever: Retriever;
  /** Where `bm25` was asked for. */
  bm25?: Retriever;
}

/** What is being got ready, for people. */
export type OnLoading = (message: string, done?: number, total?: number) => void;

export interface EvaluationLaboratory {
  /** Opened once for a run, however many systems use it; stays open until `close`. */
  openModel(reference: string, onLoading: OnLoading, signal: AbortSignal): Promise<OpenedModel>;
  /** @param needs whether a system searches with the retrieval at hand, and whether one needs BM25 */
  openRetrievers(
    corpus: string,
    retrieval: RetrievalMode | 'auto',
    needs: { given: boolean; bm25: boolean },
    onLoading: OnLoading,
    signal: AbortSignal,
  ): Promise<OpenedRetrievers>;
  /** The files of a data set's source; only what is read of them is fetched. */
  openSource(source: string, handed: readonly HandedFile[], signal?: AbortSignal): Promise<SourceFile[]>;
  /** After a run: frees what it had opened. */
  close(): Promise<void>;
}
