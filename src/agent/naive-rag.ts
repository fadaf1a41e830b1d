import type { LanguageModel } from '../protocol/language-model';
import type { Retriever } from '../protocol/retrieval';
import type { RunOptions, System } from '../protocol/system';
import { answerStream } from './answer';
import { renderContext } from './context';
import { initialResults, shownDocuments } from './observation';
import { asked, guarded, retrieve, RunPosition, type Clock, type RunStream } from './run-events';
import { initialQuery } from './searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from './settings';

export interface NaiveRagParts {
  /** Under which name it runs: the retriever is what the two differ in. */
  id?: 'naive-rag' | 'naive-rag-bm25';
  generator: LanguageModel;
  retriever: Retriever;
  settings?: Partial<AnswerSettings>;
  clock: Clock;
}

/** The baseline that s3's reward is measured against: one retrieval with the question itself, then the answer. */
export function createNaiveRag(parts: NaiveRagParts): System {
  return {
    id: parts.id ?? 'naive-rag',
    run(question: string, options: RunOptions): RunStream {
      const position = new RunPosition(parts.clock, options.signal);
      return guarded(position, () => naiveRagStream(parts, question, options, position));
    },
  };
}

async function* naiveRagStream(
  { generator, retriever, settings: given }: NaiveRagParts,
  question: string,
  options: RunOptions,
  position: RunPosition,
): RunStream {
  const settings = naiveRagSettings({ ...given, ...(options.mode && { mode: options.mode }) });
  yield* asked(position, question, options);
  const query = initialQuery(question);
  const { hits, ...found } = await retrieve(retriever, query, settings.initialDocuments, position);
  const documents = shownDocuments(hits);
  yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
  // The published code hands naive RAG's documents over in the searcher's form, s3's in another; a fair comparison uses one.
  const render = settings.mode === 'code' ? initialResults : renderContext;
  yield* answerStream({ generator, question, documents, render, settings, options }, position);
}
