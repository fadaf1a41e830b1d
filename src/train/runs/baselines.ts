/** What plain RAG answers to a run's questions: from an imported cache, from an earlier precomputation, else found out now. */
import { createJudge, type Judge } from '../../evaluation/judge';
import type { Clock } from '../../protocol/clock';
import type { LanguageModel } from '../../protocol/language-model';
import type { Retriever } from '../../protocol/retrieval';
import { PrecomputeJournal, type JournalFile } from '../precompute/journal';
import { precompute } from '../precompute/precompute';
import type { RagCache } from '../precompute/rag-cache';
import type { RunConfig, TrainingQuestion } from '../records';
import { createReward, needsBaselines, needsJudge } from '../rewards/create-reward';
import { filterQuestions, takenQuestions } from './filter';
import { agentSettings, type Prepared } from './open-session';
import type { FilterCounts } from '../worker-api';

export interface BaselineParts {
  config: RunConfig;
  /** All of the source. */
  questions: readonly TrainingQuestion[];
  /** Kept between runs and attempts. */
  journal: JournalFile;
  /** Goes before what the journal says; filled with what the journal has. */
  imported: RagCache;
  generator: LanguageModel;
  retriever: Retriever;
  concurrency: number;
  clock: Clock;
  signal: AbortSignal;
  onProgress: (done: number, total: number) => void;
}

/** What the answers depend on. */
export type BaselineSettings = Record<string, string | number>;

export const baselineSettings = (config: RunConfig): BaselineSettings => ({
  generator: config.generator === 'searcher' ? config.searcher.model : config.generator,
  corpus: config.corpus,
  retrieval: config.retrieval,
  documents: agentSettings(config).initialDocuments ?? 3,
  judge: judgeOf(config) ? 'generator' : 'span',
});

const judgeOf = ({ reward }: RunConfig): boolean => needsJudge(reward);

/** @throws AppError as `precompute`; what is done is kept */
export async function findBaselines(
  parts: BaselineParts,
): Promise<{ cache: RagCache; journal: PrecomputeJournal; judge: Judge | undefined }> {
  const { config, imported, generator, retriever, concurrency, clock, signal, onProgress } = parts;
  const journal = await PrecomputeJournal.open(parts.journal, baselineSettings(config));
  const judge = judgeOf(config) ? createJudge(generator) : undefined;
  const missing = takenQuestions(parts.questions, config).filter(
    ({ source, question }) => !imported.get(source, question),
  );
  if (missing.length > 0) {
    await precompute({
      ...{ questions: missing, retriever, generator, journal, concurrency, signal },
      ...(judge && { judge }),
      settings: agentSettings(config),
      clock: () => clock.now(),
      onProgress: ({ done, total }) => onProgress(done, total),
    });
  }
  const cache = journal.cache();
  cache.merge(imported);
  return { cache, journal, judge };
}

/** Questions and reward of a run. */
export async function prepareRun(
  parts: BaselineParts,
): Promise<Prepared & { counts: FilterCounts; cache: RagCache }> {
  const { config, questions, imported } = parts;
  const needed = needsBaselines(config.reward) || config.questions.filter;
  const { cache, judge } = needed
    ? await findBaselines(parts)
    : { cache: imported, judge: judgeOf(config) ? createJudge(parts.generator) : undefined };
  const reward = createReward(config.reward, { ...(judge && { judge }), baselines: cache });
  return { ...filterQuestions(questions, config, cache), reward, cache };
}
