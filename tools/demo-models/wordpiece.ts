/** Trains the WordPiece tokenizer of the demo encoder (lower case, as E5's) and encodes training text with it. */

const SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];

/** Grows pieces by the most frequent pair, as BPE does; at use a word is cut greedily into the longest pieces. */
export function trainWordPiece(texts: Iterable<string>, vocabSize: number): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts].map(([word, count]) => ({
    pieces: [...word].map((c, i) => (i === 0 ? c : `##${c}`)),
    count,
  }));
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const vocab = new Set<string>([
    ...SPECIALS,
    ...alphabet,
    ...[...alphabet].map((c) => `##${c}`),
    ...words.flatMap((w) => w.pieces),
  ]);
  while (vocab.size < vocabSize) {
    const pairs = new Map<string, number>();
    for (const { pieces, count } of words) {
      for (let i = 0; i + 1 < pieces.length; i++) {
        const key = `${pieces[i] ?? ''} ${pieces[i + 1] ?? ''}`;
        pairs.set(key, (pairs.get(key) ?? 0) + count);
      }
    }
    let best = '';
    let most = 1;
    for (const [key, count] of pairs) {
      if (count > most || (count === most && best !== '' && key < best)) [best, most] = [key, count];
    }
    if (best === '') break;
    const [a = '', b = ''] = best.split(' ');
    const merged = a + b.replace(/^##/, '');
    vocab.add(merged);
    for (const word of words) {
      if (!word.pieces.includes(a)) continue;
      const pieces: string[] = [];
      for (let i = 0; i < word.pieces.length; i++) {
        if (word.pieces[i] === a && word.pieces[i + 1] === b) {
          pieces.push(merged);
          i++;
        } else pieces.push(word.pieces[i] ?? '');
      }
      word.pieces = pieces;
    }
  }
  return [...vocab];
}

export class WordPieceEncoder {
  readonly #ids: Map<string, number>;
  readonly #cache = new Map<string, number[]>();

  constructor(vocab: readonly string[]) {
    this.#ids = new Map(vocab.map((piece, id) => [piece, id]));
  }

  /** `[CLS] … [SEP]`, cut to `maxTokens`. */
  encode(text: string, maxTokens: number): number[] {
    const ids = wordsOf(text).flatMap((word) => this.#word(word));
    return [this.#id('[CLS]'), ...ids.slice(0, maxTokens - 2), this.#id('[SEP]')];
  }

  #id(piece: string): number {
    return this.#ids.get(piece) ?? 1;
  }

  #word(word: string): number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    let ids: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = word.length;
      let id: number | undefined;
      for (; end > start; end--) {
        id = this.#ids.get((start > 0 ? '##' : '') + word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) {
        ids = [1];
        break;
      }
      ids.push(id);
      start = end;
    }
    this.#cache.set(word, ids);
    return ids;
  }
}

export function wordPieceFiles(vocab: readonly string[]): { tokenizer: object; config: object } {
  const token = (content: string): object => ({
    id: vocab.indexOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const special = (name: string): object => ({ id: name, ids: [vocab.indexOf(name)], tokens: [name] });
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map(token),
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
        ],
        pair: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
          { Sequence: { id: 'B', type_id: 1 } },
          { SpecialToken: { id: '[SEP]', type_id: 1 } },
        ],
        special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(vocab.map((piece, id) => [piece, id])),
      },
    },
    config: {
      tokenizer_class: 'BertTokenizer',
      do_lower_case: true,
      strip_accents: null,
      tokenize_chinese_chars: true,
      cls_token: '[CLS]',
      mask_token: '[MASK]',
      pad_token: '[PAD]',
      sep_token: '[SEP]',
      unk_token: '[UNK]',
      model_max_length: 256,
      clean_up_tokenization_spaces: true,
    },
  };
}
