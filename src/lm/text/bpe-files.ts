/** Builds a `tokenizer.json` from the older pair `vocab.json` and `merges.txt`. */
import { AppError } from '../../protocol/errors';

/** How Qwen2 and its successors split text before merging: contractions, words with one leading sign, single digits, signs, blanks. */
const QWEN2_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

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
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, i) => ({
      id: size + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: QWEN2_SPLIT }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: pairs,
    },
  };
}
