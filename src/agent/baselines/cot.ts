/** Chain of thought without documents: the generator reasons before it answers. */
import type { System } from '../../protocol/system';
import { tagContents } from '../action';
import { concluded, withoutThought } from '../answer';
import { neutralise } from '../neutralise';
import { asked, generation, type RunStream } from '../run-events';
import { askedQuestion } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';

const INSTRUCTION =
  'Think step by step about the question. When you have reached a conclusion, write the final answer, and nothing but the answer, between <answer> and </answer>.';

export function createCot(parts: BaselineParts, given: Partial<AnswerSettings> = {}): System {
  const settings = naiveRagSettings(given);
  return baselineSystem('cot', parts, settings.mode, (run) => cotStream(run, settings));
}

/** The content of the last `<answer>`; of the whole text where there is none. */
export function cotAnswer(text: string): string {
  return (tagContents(text, 'answer').at(-1) ?? withoutThought(text)).trim();
}

async function* cotStream(run: BaselineRun, settings: AnswerSettings): RunStream {
  const { parts, question, options, position } = run;
  yield* asked(position, question, options);
  const request = {
    messages: [
      { role: 'system' as const, content: INSTRUCTION },
      { role: 'user' as const, content: neutralise(askedQuestion(question)) },
    ],
    maxTokens: settings.generatorMaxTokens,
    temperature: settings.generatorTemperature,
    topP: settings.generatorTopP,
    ...turnSeed(run),
  };
  const written = yield* generation(parts.generator, request, 'generator', position);
  yield { type: 'generated', ...position.stamp(), role: 'generator', ...written };
  yield* concluded(cotAnswer(written.text), parts.generator.id, [], options, position);
}
