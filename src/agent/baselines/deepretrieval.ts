/**
 * DeepRetrieval (arXiv 2503.00223) as a baseline of s3: one rewrite of the question into a Boolean query, one BM25 search, and
 * the frozen generator's answer. BM25 reads the query as a bag of words, as the published numbers did.
 */
import { AppError } from '../../protocol/errors';
import type { System } from '../../protocol/system';
import { answerStream } from '../answer';
import { renderContext } from '../context';
import { initialResults, shownDocuments } from '../observation';
import { asked, generation, retrieve, type RunStream } from '../run-events';
import { askedQuestion, initialQuery } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { rewriteTemplate, type RewritePrompt } from './deepretrieval-prompts';
import { parseRewrite, rewriteRequest, type Delivery } from './deepretrieval-query';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';

export interface DeepRetrievalSettings extends AnswerSettings {
  prompt: RewritePrompt;
  delivery: Delivery;
  rewriteTemperature: number;
  rewriteTokens: number;
  /** Where the rewrite cannot be read: search with the question itself and say so, or fail the question. */
  onFailure: 'fall-back' | 'drop';
}

/** s3's script drops questions that it could not rewrite, and scores them 0 later; so `code` mode fails them. */
export function deepRetrievalSettings(given: Partial<DeepRetrievalSettings> = {}): DeepRetrievalSettings {
  return {
    ...naiveRagSettings(given),
    prompt: 'nq',
    delivery: 'raw',
    rewriteTemperature: 0.7,
    rewriteTokens: 512,
    onFailure: given.mode === 'code' ? 'drop' : 'fall-back',
    ...given,
  };
}

/** @param parts whose `retriever` is BM25 over the corpus */
export function createDeepRetrieval(
  parts: BaselineParts,
  given: Partial<DeepRetrievalSettings> = {},
): System {
  const { mode } = deepRetrievalSettings(given);
  return baselineSystem('deepretrieval', parts, mode, (run) =>
    deepRetrievalStream(run, deepRetrievalSettings({ ...given, mode: run.mode })),
  );
}

async function* deepRetrievalStream(run: BaselineRun, settings: DeepRetrievalSettings): RunStream {
  const { parts, question, options, position } = run;
  yield* asked(position, question, options);
  position.turn = 1;
  const query = yield* rewrite(run, settings);
  const { hits, ...found } = await retrieve(parts.retriever, query, settings.initialDocuments, position);
  const documents = shownDocuments(hits);
  yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
  const render = settings.mode === 'code' ? initialResults : renderContext;
  const { generator } = parts;
  yield* answerStream({ generator, question, documents, render, settings, options }, position);
}

async function* rewrite(run: BaselineRun, settings: DeepRetrievalSettings): RunStream<string> {
  const { parts, question, position } = run;
  const template = rewriteTemplate(settings.prompt);
  // The clinical prompts take no question mark.
  const need = template.raw.includes('{P}') ? question : askedQuestion(question);
  const request = {
    ...rewriteRequest(template, need, settings.delivery),
    maxTokens: settings.rewriteTokens,
    temperature: settings.rewriteTemperature,
    ...turnSeed(run),
  };
  const written = yield* generation(parts.searcher, request, 'searcher', position);
  const at = position.stamp();
  yield { type: 'generated', ...at, role: 'searcher', ...written };
  const result = parseRewrite(written.text, template.key);
  if ('query' in result) {
    // The rewriter sees a question's options; they are cut from what it wrote.
    const query = result.query.split('\nOptions:', 1)[0]?.trim() ?? '';
    const { thought } = result;
    if (query !== '') {
      yield { type: 'action', ...at, action: 'search', query, ...(thought && { thought }) };
      return query;
    }
  }
  const reason = 'failure' in result ? result.failure : 'its query is empty';
  if (settings.onFailure === 'drop') {
    yield { type: 'action', ...at, action: 'invalid' };
    throw new AppError('BAD_RESPONSE', `The rewrite cannot be used: ${reason}.`, {
      fix: 'Run the question again, or let it fall back to the question itself.',
      recoverable: true,
    });
  }
  const note = `The rewrite cannot be used (${reason}); the question itself is searched.`;
  yield { type: 'action', ...at, action: 'invalid', note };
  return initialQuery(question);
}
