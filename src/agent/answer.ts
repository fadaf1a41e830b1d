/** The frozen generator's part, the same for every system: context, answer, score. */
import type { LanguageModel } from '../protocol/language-model';
import type { RunOptions } from '../protocol/system';
import type { ShownDocument, TraceEvent } from '../protocol/trace';
import { scoreAnswer } from '../evaluation/metrics';
import { untilAborted } from './interrupt';
import { neutraliseChatTokens } from './neutralise';
import { answerMessages } from './prompts';
import { generation, type RunPosition, type RunStream } from './run-events';
import { askedQuestion } from './searcher-prompt';
import type { AnswerSettings } from './settings';

export interface AnswerTask {
  generator: LanguageModel;
  question: string;
  documents: readonly ShownDocument[];
  /** How the documents are written into the context. */
  render: (documents: readonly ShownDocument[]) => string;
  settings: AnswerSettings;
  options: RunOptions;
}

export async function* answerStream(task: AnswerTask, position: RunPosition): RunStream {
  const { generator, question, settings, options } = task;
  const { documents, text, tokens } = await fitContext(task, position);
  const passageIds = documents.map((d) => d.passageId);
  yield { type: 'context', ...position.stamp(), passageIds, text, tokens };

  const request = {
    messages: answerMessages(neutraliseChatTokens(askedQuestion(question)), text),
    maxTokens: settings.generatorMaxTokens,
    temperature: settings.generatorTemperature,
    topP: settings.generatorTopP,
    ...(options.seed !== undefined && { seed: options.seed }),
  };
  const written = yield* generation(generator, request, 'generator', position);
  yield { type: 'generated', ...position.stamp(), role: 'generator', ...written };
  const answer = withoutThought(written.text);
  yield* concluded(answer, generator.id, passageIds, options, position);
}

/** The last events of a run: the answer, and its score where gold answers are known. `passageIds`: what its model had read. */
export function* concluded(
  answer: string,
  model: string,
  passageIds: readonly string[],
  { goldAnswers, goldIds }: RunOptions,
  position: RunPosition,
): Generator<TraceEvent, void> {
  yield { type: 'answered', ...position.stamp(), answer, model };
  if (!goldAnswers || goldAnswers.length === 0) return;
  const goldInContext = goldIds && { goldInContext: goldIds.every((id) => passageIds.includes(id)) };
  yield { type: 'scored', ...position.stamp(), ...scoreAnswer(answer, goldAnswers), ...goldInContext };
}

/** Leaves out documents at the end until the context is within its limits. */
async function fitContext(
  { generator, documents, render, settings }: AnswerTask,
  { signal }: RunPosition,
): Promise<{ documents: readonly ShownDocument[]; text: string; tokens: number }> {
  for (let count = Math.min(documents.length, settings.contextDocuments); ; count--) {
    const kept = documents.slice(0, count);
    const text = render(kept);
    const [tokens = 0] = text === '' ? [0] : await untilAborted(generator.countTokens([text]), signal);
    if (tokens <= settings.contextTokens || count === 0) return { documents: kept, text, tokens };
  }
}

/** Reasoning models think aloud before the answer. */
export const withoutThought = (text: string): string =>
  text.replace(/^\s*<think>[\s\S]*?<\/think>/, '').trim();
