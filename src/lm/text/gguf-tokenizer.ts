/** The tokenizer in a GGUF file's metadata, as the two files that Hugging Face models bring. */
import { AppError } from '../../protocol/errors';
import { around, BYTE_LEVEL, tokenizerJson, type AddedToken } from './bpe-json';
import { mergesOfScores } from './gguf-sentence-piece';
import {
  readFlag,
  readNumbers,
  readStrings,
  readText,
  readVocabulary,
  refuse,
  TOKEN_TYPE,
  type GgufMetadata,
  type GgufVocabulary,
} from './gguf-vocabulary';
import { preTokenizationOf } from './pre-tokenizers';

export interface TokenizerFiles {
  /** As `tokenizer.json`. */
  tokenizer: Record<string, unknown>;
  /** As `tokenizer_config.json`, with the chat template where there is one. */
  config: Record<string, unknown>;
}

/**
 * Byte-level BPE (Qwen, Llama 3, GPT-2), SentencePiece of the BPE kind (Llama 2) and WordPiece (BERT).
 * @throws AppError BAD_INPUT for metadata that do not fit together, UNSUPPORTED for another kind, by name
 */
export function tokenizerFromGguf(metadata: GgufMetadata): TokenizerFiles {
  const kind = readText(metadata, 'model');
  const vocabulary = readVocabulary(metadata);
  switch (kind) {
    case 'gpt2':
      return { tokenizer: byteLevelBpe(metadata, vocabulary), config: tokenizerConfig(metadata, vocabulary) };
    case 'llama':
      return {
        tokenizer: sentencePiece(metadata, vocabulary),
        config: tokenizerConfig(metadata, vocabulary),
      };
    case 'bert':
      return { tokenizer: wordPiece(vocabulary), config: tokenizerConfig(metadata, vocabulary) };
    default:
      throw new AppError(
        'UNSUPPORTED',
        `The GGUF file's tokenizer is of the kind ${(kind ?? 'without a name').slice(0, 40)}, which is not supported.`,
        { fix: 'Import the model from its safetensors files; known kinds are gpt2, llama and bert.' },
      );
  }
}

function tokenizerConfig(metadata: GgufMetadata, { special }: GgufVocabulary): Record<string, unknown> {
  const roles = { bos: 'bos', eos: 'eos', pad: 'padding', unk: 'unknown', cls: 'cls', sep: 'seperator' };
  const named = Object.entries(roles).flatMap(([name, role]) => {
    const token = special(role);
    return token ? [[`${name}_token`, token.content] as const] : [];
  });
  const template = metadata.get('tokenizer.chat_template');
  return {
    ...Object.fromEntries(named),
    ...(typeof template === 'string' && { chat_template: template }),
  };
}

/** BOS and EOS around a text, as the file says or as the kind has it. */
function surroundings(
  metadata: GgufMetadata,
  { special }: GgufVocabulary,
  addBos: boolean,
): { before: AddedToken[]; after: AddedToken[] } {
  const bos = readFlag(metadata, 'add_bos_token', addBos) ? special('bos') : undefined;
  const eos = readFlag(metadata, 'add_eos_token', false) ? special('eos') : undefined;
  return { before: bos ? [bos] : [], after: eos ? [eos] : [] };
}

/** Text → id of the tokens whose type passes. Made by `fromEntries`, so that even `__proto__` is a token. */
const vocabOf = (
  { tokens, types }: GgufVocabulary,
  passes: (type: number) => boolean,
  textOf = (token: string): string => token,
): Record<string, number> =>
  Object.fromEntries(
    tokens.flatMap((token, id) => (passes(types[id] ?? 0) ? [[textOf(token), id] as const] : [])),
  );

const isOrdinary = (type: number): boolean => type === TOKEN_TYPE.normal || type === TOKEN_TYPE.byte;

function byteLevelBpe(metadata: GgufMetadata, vocabulary: GgufVocabulary): Record<string, unknown> {
  const { normalizer, preTokenizer, ignoreMerges, addBos } = preTokenizationOf(readText(metadata, 'pre'));
  const merges = readStrings(metadata, 'merges').map((line, index): [string, string] => {
    const space = line.indexOf(' ', 1);
    if (space < 0 || space === line.length - 1) refuse(`merge ${index} is not a pair of tokens`);
    return [line.slice(0, space), line.slice(space + 1)];
  });
  const { before, after } = surroundings(metadata, vocabulary, addBos);
  const { added } = vocabulary;
  return tokenizerJson({
    ...{ added, normalizer, preTokenizer },
    postProcessor: around(before, after) ?? BYTE_LEVEL,
    decoder: BYTE_LEVEL,
    model: { vocab: vocabOf(vocabulary, isOrdinary), merges, ignore_merges: ignoreMerges },
  });
}

function sentencePiece(metadata: GgufMetadata, vocabulary: GgufVocabulary): Record<string, unknown> {
  const { tokens, types, added, special } = vocabulary;
  const scores = readNumbers(metadata, 'scores', tokens.length);
  if (!scores) return refuse('it has no scores');
  const pieces = tokens.map((token, id) => (types[id] === TOKEN_TYPE.normal ? token : undefined));
  const spaced = readFlag(metadata, 'add_space_prefix', true);
  const { before, after } = surroundings(metadata, vocabulary, true);
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const normalizers = spaced ? [{ type: 'Prepend', prepend: '▁' }, replace] : [replace];
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(spaced ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  return tokenizerJson({
    added,
    normalizer: { type: 'Sequence', normalizers },
    preTokenizer: null,
    postProcessor: around(before, after),
    decoder: { type: 'Sequence', decoders },
    model: {
      vocab: vocabOf(vocabulary, (type) => isOrdinary(type) || type === TOKEN_TYPE.unknown),
      merges: mergesOfScores(pieces, scores),
      unk_token: special('unknown')?.content ?? null,
      ...{ fuse_unk: true, byte_fallback: true },
    },
  });
}

/** llama.cpp marks the beginnings of words (▁), WordPiece their continuations (##); names in brackets have neither. */
const wordPieceText = (token: string): string => {
  if (token.startsWith('▁')) return token.slice(1);
  return /^\[.*\]$/.test(token) ? token : `##${token}`;
};

function wordPiece(vocabulary: GgufVocabulary): Record<string, unknown> {
  const { added, special } = vocabulary;
  const [cls, separator] = [special('cls') ?? special('bos'), special('seperator') ?? special('eos')];
  return tokenizerJson({
    added,
    normalizer: {
      ...{ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true },
      ...{ strip_accents: null, lowercase: true },
    },
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: around(cls ? [cls] : [], separator ? [separator] : []),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      vocab: vocabOf(vocabulary, () => true, wordPieceText),
      unk_token: special('unknown')?.content ?? '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  });
}
