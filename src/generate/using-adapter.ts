import type { LanguageModel } from '../protocol/language-model';

/** A model that generates with one of its resident adapters, under a name of its own. */
export const usingAdapter = (model: LanguageModel, adapter: string, id: string): LanguageModel => ({
  id,
  generate: (request, signal) => model.generate({ ...request, adapter }, signal),
  countTokens: (texts) => model.countTokens(texts),
});
