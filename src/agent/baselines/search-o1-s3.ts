/**
 * Search-o1 as the authors of s3 re-implemented it: four turns, each a fresh message with the transcript so far; the documents,
 * not the notes about them, go to the frozen generator.
 */
import type { System } from '../../protocol/system';
import type { ShownDocument } from '../../protocol/trace';
import { MAX_QUERY_CHARACTERS } from '../action';
import { answerStream } from '../answer';
import { distinctDocuments, renderContext } from '../context';
import { neutralise } from '../neutralise';
import { shownDocuments } from '../observation';
import { asked, generation, tryRetrieve, type RunStream } from '../run-events';
import { askedQuestion } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { renderBlocks } from './ircot-s3';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';
import { condense, reasoningSteps } from './reason-in-documents';
import { searchO1Instruction } from './search-o1-prompt';
import { ownWords, queriesIn, QUERY_END, RESULT_BEGIN, RESULT_END } from './search-o1-text';

export interface SearchO1S3Settings extends AnswerSettings {
  maxTurns: number;
  documentsPerQuery: number;
  documentCharacters: number;
  responseTokens: number;
  temperature: number;
  topP: number;
}

export function searchO1S3Settings(given: Partial<SearchO1S3Settings> = {}): SearchO1S3Settings {
  return {
    ...naiveRagSettings(given),
    maxTurns: 4,
    documentsPerQuery: 3,
    documentCharacters: 3000,
    responseTokens: 2048,
    temperature: 0.7,
    topP: 0.95,
    ...given,
  };
}

export function createSearchO1S3(parts: BaselineParts, given: Partial<SearchO1S3Settings> = {}): System {
  const { mode } = searchO1S3Settings(given);
  return baselineSystem('search-o1-s3', parts, mode, (run) =>
    searchO1S3Stream(run, searchO1S3Settings({ ...given, mode: run.mode })),
  );
}

const NO_CONTEXT = 'No context';

async function* searchO1S3Stream(run: BaselineRun, settings: SearchO1S3Settings): RunStream {
  const { parts, question, options, position } = run;
  yield* asked(position, question, options);
  const { responseTokens: maxTokens, temperature, topP, documentCharacters, mode } = settings;
  const sampling = { maxTokens, temperature, topP };
  const beginning = `${searchO1Instruction(settings.maxTurns)}\nQuestion: ${neutralise(askedQuestion(question))}\nAssistant:`;
  let transcript = '';
  const blocks: ShownDocument[][] = [];
  for (let turn = 1; turn <= settings.maxTurns; turn++) {
    position.turn = turn;
    const messages = [{ role: 'user' as const, content: `${beginning}${transcript}` }];
    const request = { messages, ...sampling, ...turnSeed(run) };
    const written = yield* generation(parts.searcher, request, 'searcher', position);
    const text = mode === 'code' ? ownWords(written.text) : untilFirstQuery(ownWords(written.text));
    transcript += text;
    const at = position.stamp();
    yield { type: 'generated', ...at, role: 'searcher', ...written, text };
    const query = queriesIn(text)[0]?.slice(0, MAX_QUERY_CHARACTERS);
    if (query === undefined || query === '') {
      yield { type: 'action', ...at, action: 'search_complete' };
      break;
    }
    yield { type: 'action', ...at, action: 'search', query };
    const { hits, ...found } = await tryRetrieve(
      parts.retriever,
      query,
      settings.documentsPerQuery,
      position,
    );
    const documents = shownDocuments(hits);
    blocks.push(documents);
    yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
    const reasoning = mode === 'code' ? transcript : reasoningSteps(transcript);
    const task = { model: parts.searcher, reasoning, query, documents, documentCharacters };
    const analysis = yield* condense(run, { ...task, ...sampling });
    transcript += `\n${RESULT_BEGIN}\n${neutralise(analysis)}\n${RESULT_END}\n`;
  }
  const documents = mode === 'code' ? blocks.flat() : distinctDocuments(blocks.flat());
  const render = (kept: readonly ShownDocument[]): string =>
    mode === 'code' ? renderBlocks(kept) || NO_CONTEXT : renderContext(kept);
  const { generator } = parts;
  yield* answerStream({ generator, question, documents, render, settings, options }, position);
}

/** Results that the model makes up behind its query are not kept; the published code keeps them. */
function untilFirstQuery(text: string): string {
  const end = text.indexOf(QUERY_END);
  return end < 0 ? text : text.slice(0, end + QUERY_END.length);
}
