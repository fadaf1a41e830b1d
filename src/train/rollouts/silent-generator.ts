import type { GenerateEvent, LanguageModel } from '../../protocol/language-model';

const usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 };

async function* silence(): AsyncGenerator<GenerateEvent> {
  await Promise.resolve();
  yield { type: 'done', text: '', finishReason: 'eos', usage };
}

/** Stands in where a reward looks at no answer, so that none is paid for. */
export const SILENT_GENERATOR: LanguageModel = {
  id: 'none',
  generate: silence,
  // No context is cut for a generator that reads none.
  countTokens: (texts) => Promise.resolve(texts.map(() => 0)),
};
