/** The parts of a `tokenizer.json` that all tokenizers built here have in common. */

export interface AddedToken {
  id: number;
  content: string;
  /** Left out of decoded text. */
  special: boolean;
}

export interface BpeParts {
  added: readonly AddedToken[];
  normalizer: object | null;
  preTokenizer: object | null;
  postProcessor: object | null;
  decoder: object;
  /** Over the defaults of `model`: `vocab` and `merges` at least. */
  model: Record<string, unknown>;
}

/** What byte-level tokenizers do after merging, and to decode. */
export const BYTE_LEVEL = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: false,
  use_regex: false,
} as const;

export function tokenizerJson(parts: BpeParts): Record<string, unknown> {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: parts.added.map((token) => ({
      ...token,
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    post_processor: parts.postProcessor,
    decoder: parts.decoder,
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '' },
      ...{ end_of_word_suffix: '', fuse_unk: false, byte_fallback: false, ignore_merges: false },
      ...parts.model,
    },
  };
}

/** Puts special tokens around a text, where it is encoded with them. */
export function around(before: readonly AddedToken[], after: readonly AddedToken[]): object | null {
  if (before.length + after.length === 0) return null;
  const piece = ({ content }: AddedToken, typeId: number): object => ({
    SpecialToken: { id: content, type_id: typeId },
  });
  const sentence = (id: string, typeId: number): object[] => [
    ...before.map((token) => piece(token, typeId)),
    { Sequence: { id, type_id: typeId } },
    ...after.map((token) => piece(token, typeId)),
  ];
  return {
    type: 'TemplateProcessing',
    single: sentence('A', 0),
    pair: [...sentence('A', 0), ...sentence('B', 1)],
    special_tokens: Object.fromEntries(
      [...before, ...after].map(({ id, content }) => [
        content,
        { id: content, ids: [id], tokens: [content] },
      ]),
    ),
  };
}
