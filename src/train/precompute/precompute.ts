/**
 * What plain RAG finds and answers, for every question: the baseline of the reward, and the filter of what is worth learning (spec of
 * the formats, §5). One retrieval, one answer and at most two words of a judge a question; resumable.
 */
import { initialResults, shownDocuments } from '../../agent/observation';
import type { Clock } from '../../agent/run-events';
import { askedQuestion, initialQuery } from '../../agent/searcher-prompt';
import type { AnswerSettings } from '../../agent/settings';
import { makeSystem } from '../../agent/systems';
import { genAcc } from '../../evaluation/gen-acc';
import type { Judge } from '../../evaluation/judge';
import { exactMatch, spanCheck } from '../../evaluation/metrics';
import { AppError, isAbort, throwIfAborted, toEnvelope, type ErrorEnvelope } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';
import type { Hit, Retriever } from '../../protocol/retrieval';
import type { TrainingQuestion } from '../records';
import type { PrecomputedQuestion, PrecomputeJournal } from './journal';

export interface PrecomputeOptions {
  questions: readonly TrainingQuestion[];
  retriever: Retriever;
  generator: LanguageModel;
  /** Absent: an answer counts where a gold answer stands in it. */
  judge?: Judge;
  /** Opened with what the answers depend on: models, corpus, settings. */
  journal: PrecomputeJournal;
  settings?: Partial<AnswerSettings>;
  /** Documents found and kept; the generator reads the first `initialDocuments` of the settings. */
  topK?: number;
  /** Queries of one search. */
  retrievalBatch?: number;
  /** Questions at a time. */
  concurrency: number;
  clock: Clock;
  signal?: AbortSignal;
  onProgress?: (progress: PrecomputeProgress) => void;
}

export interface PrecomputeProgress {
  /** Those of an earlier run among them. */
  done: number;
  failed: number;
  total: number;
}

export interface PrecomputeOutcome {
  /** Done now. */
  computed: number;
  /** Known before. */
  known: number;
  /** Not done; another run tries them again. */
  failed: { source: string; question: string; error: ErrorEnvelope }[];
}

/** The original keeps so many, and answers from three. */
const STORED_DOCUMENTS = 12;
const DOCUMENTS_READ = 3;
const RETRIEVAL_BATCH = 32;
/** Failures in a row after which something is broken for all. */
const MOST_FAILURES = 5;

/**
 * Adds what is missing to the journal, whose `cache()` and `sequences()` are then what the original's scripts wrote.
 * @throws AppError ABORTED; the last failure after five in a row; what is done is kept either way
 */
export async function precompute(options: PrecomputeOptions): Promise<PrecomputeOutcome> {
  const {
    questions,
    journal,
    retrievalBatch = RETRIEVAL_BATCH,
    topK = STORED_DOCUMENTS,
    onProgress,
  } = options;
  const all = distinctQuestions(questions);
  const missing = all.filter(({ source, question }) => !journal.get(source, question));
  const known = all.length - missing.length;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const outcome: PrecomputeOutcome = { computed: 0, known, failed: [] };
  const searches: Promise<Hit[][]>[] = [];
  const hitsOf = async (at: number): Promise<Hit[]> => {
    const batch = Math.floor(at / retrievalBatch);
    const from = batch * retrievalBatch;
    searches[batch] ??= options.retriever.search(
      missing.slice(from, from + retrievalBatch).map(({ question }) => initialQuery(question)),
      topK,
      signal,
    );
    return ((await searches[batch])[at - from] ?? []).slice(0, topK);
  };
  let next = 0;
  let inARow = 0;
  const tell = (): void =>
    onProgress?.({ done: known + outcome.computed, failed: outcome.failed.length, total: all.length });
  const work = async (): Promise<void> => {
    for (let at = next++; at < missing.length; at = next++) {
      throwIfAborted(signal);
      const question = missing[at];
      if (!question) return;
      try {
        // A signal of its own: many listeners on one make Node warn of a leak.
        const own = AbortSignal.any([signal]);
        const done = await precomputeOne(options, question, await hitsOf(at), own);
        await journal.add(done);
        outcome.computed += 1;
        inARow = 0;
      } catch (error) {
        throwIfAborted(signal);
        if (isAbort(error)) throw error;
        outcome.failed.push({
          source: question.source,
          question: question.question,
          error: toEnvelope(error),
        });
        inARow += 1;
        if (inARow >= MOST_FAILURES) throw error;
      }
      tell();
    }
  };
  tell();
  const workers = Array.from({ length: Math.max(1, options.concurrency) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(workers);
    throw error;
  }
  return outcome;
}

/** As the caches key them, each once. */
function distinctQuestions(questions: readonly TrainingQuestion[]): TrainingQuestion[] {
  const seen = new Set<string>();
  return questions.flatMap((one) => {
    const question = askedQuestion(one.question);
    const key = `${one.source}\n${question}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ ...one, question }];
  });
}

async function precomputeOne(
  { generator, judge, settings, clock }: PrecomputeOptions,
  { source, question, goldAnswers }: TrainingQuestion,
  hits: readonly Hit[],
  signal: AbortSignal,
): Promise<PrecomputedQuestion> {
  const found: Retriever = { search: () => Promise.resolve([[...hits]]) };
  const rag = makeSystem('naive-rag', {
    ...{ searcher: generator, generator, retriever: found, clock },
    settings: { initialDocuments: DOCUMENTS_READ, ...settings },
  });
  let answer: string | undefined;
  for await (const event of rag.system.run(question, { signal, goldAnswers })) {
    if (event.type === 'failed') throw AppError.from(event.error);
    if (event.type === 'answered') ({ answer } = event);
  }
  if (answer === undefined) throw new AppError('BAD_RESPONSE', `${generator.id} gave no answer.`);
  const judged = { question, answer, goldAnswers };
  const score = judge
    ? (await genAcc(judged, judge, signal)).accuracy
    : Number(spanCheck(answer, goldAnswers));
  return {
    ...{ source, question, golden_answers: [...goldAnswers] },
    context_with_info: initialResults(shownDocuments(hits)),
    entry: { answer, score, em_score: exactMatch(answer, goldAnswers) },
  };
}
