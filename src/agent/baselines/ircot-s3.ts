/**
 * IRCoT as the authors of s3 re-implemented it: zero-shot, a whole thought as the next query, an explicit tag that ends the
 * search, and the frozen generator's answer. Very different from the original (`ircot.ts`).
 */
import type { System } from '../../protocol/system';
import type { ShownDocument } from '../../protocol/trace';
import { MAX_QUERY_CHARACTERS } from '../action';
import { answerStream, withoutThought } from '../answer';
import { distinctDocuments, renderContext } from '../context';
import { neutralise, neutraliseChatTokens } from '../neutralise';
import { initialResults, shownDocuments } from '../observation';
import { asked, generation, tryRetrieve, type RunStream } from '../run-events';
import { askedQuestion, initialQuery } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';

export interface IrcotS3Settings extends AnswerSettings {
  maxTurns: number;
  documentsPerQuery: number;
  searcherTemperature: number;
  searcherTopP: number;
  responseTokens: number;
}

export function ircotS3Settings(given: Partial<IrcotS3Settings> = {}): IrcotS3Settings {
  return {
    ...naiveRagSettings(given),
    maxTurns: 4,
    documentsPerQuery: 3,
    searcherTemperature: 0.7,
    searcherTopP: 0.95,
    responseTokens: 2048,
    ...given,
  };
}

const TAG = /<search_complete>([^<]{0,40})<\/search_complete>/gi;

/** Whether the model is content, and its thought without the tag. */
export function parseIrcotThought(raw: string): { done: boolean; thought: string } {
  const text = neutraliseChatTokens(raw);
  const done = text.toLowerCase().includes('<search_complete>yes</search_complete>');
  return { done, thought: text.replace(TAG, '').trim() };
}

export function createIrcotS3(parts: BaselineParts, given: Partial<IrcotS3Settings> = {}): System {
  const { mode } = ircotS3Settings(given);
  return baselineSystem('ircot-s3', parts, mode, (run) =>
    ircotS3Stream(run, ircotS3Settings({ ...given, mode: run.mode })),
  );
}

function thinkingPrompt(question: string, context: string, thoughts: readonly string[]): string {
  const numbered = thoughts.map((thought, i) => `${i + 1}. ${neutralise(thought)}\n`).join('');
  return `Question: ${neutralise(askedQuestion(question))}

Context:
${context.trim()}

Chain of Thought:
${numbered}
Think step by step about what the context says and what is still missing. Give a final answer only if you are sure of it.
End with <search_complete>Yes</search_complete> when you need no more information, and with <search_complete>No</search_complete> otherwise; your thought is then what is searched for.
Go on with the next thought:`;
}

async function* ircotS3Stream(run: BaselineRun, settings: IrcotS3Settings): RunStream {
  const { parts, question, options, position } = run;
  yield* asked(position, question, options);
  const blocks: ShownDocument[][] = [];
  yield* search(run, initialQuery(question), settings, blocks);
  const thoughts: string[] = [];
  for (let turn = 1; turn <= settings.maxTurns; turn++) {
    position.turn = turn;
    const content = thinkingPrompt(question, blocks.map(initialResults).join('\n'), thoughts);
    const request = {
      messages: [{ role: 'user' as const, content }],
      maxTokens: settings.responseTokens,
      temperature: settings.searcherTemperature,
      topP: settings.searcherTopP,
      ...turnSeed(run),
    };
    const written = yield* generation(parts.searcher, request, 'searcher', position);
    const at = position.stamp();
    yield { type: 'generated', ...at, role: 'searcher', ...written };
    const { done, thought } = parseIrcotThought(written.text);
    if (done) {
      yield { type: 'action', ...at, action: 'search_complete' };
      break;
    }
    const query = withoutThought(thought).slice(0, MAX_QUERY_CHARACTERS).trim();
    if (query === '') {
      yield { type: 'action', ...at, action: 'invalid', note: 'An empty thought; nothing is searched.' };
      continue;
    }
    thoughts.push(thought);
    yield { type: 'action', ...at, action: 'search', query };
    yield* search(run, query, settings, blocks);
  }
  const { mode } = settings;
  const { generator } = parts;
  // The published code keeps repeated documents and numbers each block anew.
  const documents = mode === 'code' ? blocks.flat() : distinctDocuments(blocks.flat());
  const render = mode === 'code' ? renderBlocks : renderContext;
  yield* answerStream({ generator, question, documents, render, settings, options }, position);
}

async function* search(
  { parts, position }: BaselineRun,
  query: string,
  { documentsPerQuery }: IrcotS3Settings,
  blocks: ShownDocument[][],
): RunStream {
  const { hits, ...found } = await tryRetrieve(parts.retriever, query, documentsPerQuery, position);
  const documents = shownDocuments(hits);
  blocks.push(documents);
  yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
}

/** Blocks with their own numbering, a line between them; a new one begins where the numbers do. */
export function renderBlocks(documents: readonly ShownDocument[]): string {
  const blocks: ShownDocument[][] = [];
  for (const document of documents) {
    if (document.number === 1 || blocks.length === 0) blocks.push([]);
    blocks.at(-1)?.push(document);
  }
  return blocks.map(initialResults).join('\n');
}
