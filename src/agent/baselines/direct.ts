/** The answer without any document: what the generator knows by itself. */
import type { System } from '../../protocol/system';
import { concluded, withoutThought } from '../answer';
import { neutraliseChatTokens } from '../neutralise';
import { answerMessages } from '../prompts';
import { asked, generation, type RunStream } from '../run-events';
import { askedQuestion } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';

export function createDirect(parts: BaselineParts, given: Partial<AnswerSettings> = {}): System {
  const settings = naiveRagSettings(given);
  return baselineSystem('direct', parts, settings.mode, (run) => directStream(run, settings));
}

async function* directStream(run: BaselineRun, settings: AnswerSettings): RunStream {
  const { parts, question, options, position } = run;
  yield* asked(position, question, options);
  const request = {
    messages: answerMessages(neutraliseChatTokens(askedQuestion(question)), ''),
    maxTokens: settings.generatorMaxTokens,
    temperature: settings.generatorTemperature,
    topP: settings.generatorTopP,
    ...turnSeed(run),
  };
  const written = yield* generation(parts.generator, request, 'generator', position);
  yield { type: 'generated', ...position.stamp(), role: 'generator', ...written };
  yield* concluded(withoutThought(written.text), parts.generator.id, [], options, position);
}
