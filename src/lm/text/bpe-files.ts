/** Builds a `tokenizer.json` from the older pair `vocab.json` and `merges.txt`. */
import { AppError } from '../../protocol/errors';
import { BYTE_LEVEL, tokenizerJson } from './bpe-json';
import { QWEN2 } from './pre-tokenizers';

/** Of every Qwen2 model; their ids follow the vocabulary. */
export const QWEN2_SPECIAL_TOKENS: readonly string[] = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

// By hand: a schema's record leaves out `constructor` and `prototype`, which are tokens of Qwen2's vocabulary.
const isTokenTable = (value: unknown): value is Record<string, number> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((id) => Number.isSafeInteger(id) && id >= 0) &&
  Object.keys(value).length > 0;

/**
 * @param vocab parsed `vocab.json`: token → id
 * @param merges text of `merges.txt`: a version line, then two tokens a line, best first
 * @param specialTokens numbered from the end of the vocabulary
 * @throws AppError BAD_INPUT with the number of a broken line
 */
export function qwen2TokenizerJson(
  vocab: unknown,
  merges: string,
  specialTokens: readonly string[] = QWEN2_SPECIAL_TOKENS,
): Record<string, unknown> {
  if (!isTokenTable(vocab)) {
    throw new AppError('BAD_INPUT', 'vocab.json is not a table from tokens to numbers.', {
      fix: 'Fetch it again.',
    });
  }
  const pairs: [string, string][] = [];
  for (const [index, line] of merges.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#version')) continue;
    const [left, right, ...rest] = line.split(' ');
    if (!left || !right || rest.length > 0) {
      throw new AppError('BAD_INPUT', `Line ${index + 1} of merges.txt is not a pair of tokens.`, {
        fix: 'Fetch it again.',
      });
    }
    pairs.push([left, right]);
  }
  const size = Object.values(vocab).reduce((most, id) => Math.max(most, id + 1), 0);
  return tokenizerJson({
    added: specialTokens.map((content, i) => ({ id: size + i, content, special: true })),
    normalizer: QWEN2.normalizer,
    preTokenizer: QWEN2.preTokenizer,
    postProcessor: BYTE_LEVEL,
    decoder: BYTE_LEVEL,
    model: { vocab, merges: pairs },
  });
}
