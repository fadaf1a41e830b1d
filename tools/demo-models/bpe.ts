/**
 * Trains the byte-level BPE tokenizer of the demo models and encodes training text with it.
 * The result is an ordinary `tokenizer.json`; the app reads it through `@huggingface/tokenizers`, and a test holds the
 * two encoders against each other.
 */

/** Qwen2's pre-tokenisation: words with their leading space, single digits, runs of punctuation. */
const PRETOKENS =
  /(?:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/giu;
const PRETOKENS_SOURCE =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
/** Protocol tags are one token each: a small model should not spend capacity on spelling them. */
export const TAG_TOKENS = [
  '<question>',
  '</question>',
  '<information>',
  '</information>',
  '<important_info>',
  '</important_info>',
  '<search_complete>',
  '</search_complete>',
  '<query>',
  '</query>',
] as const;

/** GPT-2's bijection between bytes and printable characters. */
export function byteAlphabet(): string[] {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}

const ALPHABET = byteAlphabet();
const toBytesText = (word: string): string =>
  Array.from(new TextEncoder().encode(word), (b) => ALPHABET[b] ?? '').join('');

export interface BpeModel {
  vocab: Map<string, number>;
  /** Pairs `a b` in order of priority. */
  merges: [string, string][];
}

/** Classic BPE on word counts; ties are broken by the pair's text, so the result depends on the counts alone. */
export function trainBpe(texts: Iterable<string>, vocabSize: number): BpeModel {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(PRETOKENS)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].map(([word, count]) => ({ symbols: [...toBytesText(word)], count }));
  const merges: [string, string][] = [];
  const target = vocabSize - 256 - SPECIAL_TOKENS.length - TAG_TOKENS.length;
  while (merges.length < target) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of words) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const key = pairOf(symbols, i);
        pairs.set(key, (pairs.get(key) ?? 0) + count);
      }
    }
    let best = '';
    let bestCount = 1;
    for (const [key, count] of pairs) {
      if (count > bestCount || (count === bestCount && best !== '' && key < best))
        [best, bestCount] = [key, count];
    }
    if (best === '') break;
    const [a = '', b = ''] = best.split(' ');
    merges.push([a, b]);
    for (const word of words) word.symbols = mergePair(word.symbols, a, b);
  }
  const tokens = [...ALPHABET, ...merges.map(([a, b]) => a + b)];
  return { vocab: new Map(tokens.map((token, id) => [token, id])), merges };
}

const pairOf = (symbols: readonly string[], i: number): string =>
  `${symbols[i] ?? ''} ${symbols[i + 1] ?? ''}`;

function mergePair(symbols: string[], a: string, b: string): string[] {
  if (!symbols.includes(a)) return symbols;
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === a && symbols[i + 1] === b) {
      merged.push(a + b);
      i++;
    } else merged.push(symbols[i] ?? '');
  }
  return merged;
}

/** The `tokenizer.json` and `tokenizer_config.json` that libraries of the field read. */
export function tokenizerFiles(model: BpeModel): { tokenizer: object; config: object } {
  const base = model.vocab.size;
  const added = [...SPECIAL_TOKENS, ...TAG_TOKENS].map((content, i) => ({
    id: base + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: i < SPECIAL_TOKENS.length,
  }));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: PRETOKENS_SOURCE }, behavior: 'Isolated', invert: false },
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
      vocab: Object.fromEntries(model.vocab),
      merges: model.merges.map(([a, b]) => `${a} ${b}`),
    },
  };
  const config = {
    tokenizer_class: 'Qwen2Tokenizer',
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [String(id), token])),
    bos_token: null,
    eos_token: '<|im_end|>',
    pad_token: '<|endoftext|>',
    unk_token: null,
    clean_up_tokenization_spaces: false,
    model_max_length: 4096,
    chat_template:
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
  };
  return { tokenizer, config };
}

/** A fast encoder for the training data: word cache, no allocation beyond it. */
export class BpeEncoder {
  readonly #ranks = new Map<string, number>();
  readonly #cache = new Map<string, number[]>();
  readonly #added: Map<string, number>;
  readonly #split: RegExp;
  readonly #vocab: Map<string, number>;

  constructor(model: BpeModel) {
    this.#vocab = model.vocab;
    model.merges.forEach(([a, b], rank) => this.#ranks.set(`${a} ${b}`, rank));
    const added = [...SPECIAL_TOKENS, ...TAG_TOKENS];
    this.#added = new Map(added.map((token, i) => [token, model.vocab.size + i]));
    this.#split = new RegExp(`(${added.map((t) => t.replace(/[|\\/]/g, '\\$&')).join('|')})`, 'u');
  }

  get size(): number {
    return this.#vocab.size + this.#added.size;
  }

  id(token: string): number {
    const id = this.#added.get(token);
    if (id === undefined) throw new Error(`${token} is not an added token.`);
    return id;
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const part of text.split(this.#split)) {
      const added = this.#added.get(part);
      if (added !== undefined) ids.push(added);
      else for (const [word] of part.matchAll(PRETOKENS)) ids.push(...this.#word(word));
    }
    return ids;
  }

  #word(word: string): number[] {
    const known = this.#cache.get(word);
    if (known) return known;
    let symbols = [...toBytesText(word)];
    for (;;) {
      let best = Infinity;
      let at = -1;
      for (let i = 0; i + 1 < symbols.length; i++) {
        const rank = this.#ranks.get(pairOf(symbols, i)) ?? Infinity;
        if (rank < best) [best, at] = [rank, i];
      }
      if (at < 0) break;
      symbols = mergePair(symbols, symbols[at] ?? '', symbols[at + 1] ?? '');
    }
    const ids = symbols.map((symbol) => this.#vocab.get(symbol) ?? 0);
    this.#cache.set(word, ids);
    return ids;
  }
}
