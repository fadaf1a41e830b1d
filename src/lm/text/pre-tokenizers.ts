/** How byte-level tokenizers cut text into words before merging, by the names that GGUF files give to the ways. */
import { AppError } from '../../protocol/errors';

export interface PreTokenization {
  normalizer: object | null;
  preTokenizer: object;
  /** A word that is a token as a whole is not put together from its parts. */
  ignoreMerges: boolean;
  /** Whether a text begins with the BOS token where the file does not say. */
  addBos: boolean;
}

const SIGNS_AND_BLANKS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const CONTRACTIONS_AND_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";

const byteLevel = (useRegex: boolean): object => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: useRegex,
});

const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });

const split = (pattern: string): object =>
  sequence(
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    byteLevel(false),
  );

const plain = { normalizer: null, ignoreMerges: false, addBos: false };

/** Contractions, words with one leading sign, single digits, signs, blanks. */
export const QWEN2: PreTokenization = {
  ...plain,
  normalizer: { type: 'NFC' },
  preTokenizer: split(`${CONTRACTIONS_AND_WORDS}|\\p{N}|${SIGNS_AND_BLANKS}`),
};

/** The same with up to three digits together. */
const LLAMA3: PreTokenization = {
  ...plain,
  preTokenizer: split(`${CONTRACTIONS_AND_WORDS}|\\p{N}{1,3}|${SIGNS_AND_BLANKS}`),
  ignoreMerges: true,
  addBos: true,
};

const GPT2: PreTokenization = { ...plain, preTokenizer: byteLevel(true) };

/** GPT-2's way after every digit has been set apart. */
const SINGLE_DIGITS: PreTokenization = {
  ...plain,
  preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};

const BY_NAME: Readonly<Record<string, PreTokenization>> = {
  ...{ qwen2: QWEN2, 'deepseek-r1-qwen': QWEN2, megrez: QWEN2 },
  ...{ 'llama-bpe': LLAMA3, llama3: LLAMA3, 'llama-v3': LLAMA3, falcon3: LLAMA3, pixtral: LLAMA3 },
  ...{ 'gpt-2': GPT2, 'phi-2': GPT2, olmo: GPT2, jais: GPT2, 'roberta-bpe': GPT2 },
  ...{ smollm: SINGLE_DIGITS, starcoder: SINGLE_DIGITS, refact: SINGLE_DIGITS },
};

/** @throws AppError UNSUPPORTED with the name */
export function preTokenizationOf(name: string | undefined): PreTokenization {
  const found = name !== undefined && Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (found) return found;
  const what =
    name === undefined ? 'does not say how it cuts words' : `cuts words as "${name.slice(0, 40)}" does`;
  throw new AppError('UNSUPPORTED', `The GGUF file's tokenizer ${what}, which is not supported.`, {
    fix: `Import the model from its safetensors files. GGUF tokenizers can be of these kinds: ${Object.keys(BY_NAME).join(', ')}.`,
  });
}
