/**
 * Text to token ids and back, from a model's `tokenizer.json` and `tokenizer_config.json`. Splitting and merging are done by
 * `@huggingface/tokenizers`; decoding is done here on bytes, so that a stream never shows half a character.
 */
import { Tokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { AppError } from '../../protocol/errors';
import { tokenBytesFor, type TokenBytes } from './token-bytes';

const AddedToken = v.looseObject({
  id: v.pipe(v.number(), v.integer(), v.minValue(0)),
  content: v.pipe(v.string(), v.nonEmpty()),
  special: v.optional(v.boolean(), false),
});

const TokenizerJson = v.looseObject({
  added_tokens: v.nullish(v.array(AddedToken)),
  normalizer: v.nullish(v.looseObject({}), null),
  pre_tokenizer: v.nullish(v.looseObject({}), null),
  post_processor: v.nullish(v.looseObject({}), null),
  decoder: v.nullish(v.looseObject({}), null),
  // Its tables have 150,000 entries: looked at by the library, not copied here.
  model: v.custom<object>((model) => typeof model === 'object' && model !== null && 'vocab' in model),
});

const TokenName = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const TokenizerConfig = v.looseObject({ bos_token: TokenName, eos_token: TokenName, pad_token: TokenName });

export interface EncodeOptions {
  /**
   * `parse` (default): the names of special tokens in the text become those tokens.
   * `plain`: they stay text. For everything that a model or a document wrote, so that it cannot forge the end of a turn.
   */
  special?: 'parse' | 'plain';
  /** Adds what the tokenizer puts around a text (Llama's BOS). Default false. */
  addSpecial?: boolean;
}

const BAD_FILES =
  'Check that tokenizer.json and tokenizer_config.json belong to this model and are complete.';

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const nameOf = (token: v.InferOutput<typeof TokenName>): string | undefined =>
  typeof token === 'string' ? token : (token?.content ?? undefined);

export class TextTokenizer {
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly #tokenizer: Tokenizer;
  readonly #bytes: TokenBytes;
  /** Texts of the added tokens, special or not, which are literal and not in the byte alphabet. */
  readonly #added: ReadonlyMap<number, string>;
  readonly #special: ReadonlySet<number>;
  /** Finds the place where each special token's name begins; undefined if there are none. */
  readonly #specialStart: RegExp | undefined;

  /** @throws AppError BAD_INPUT (files that do not fit), UNSUPPORTED (a kind of tokenizer that is not known) */
  constructor(tokenizerJson: unknown, tokenizerConfig: unknown) {
    const json = v.safeParse(TokenizerJson, tokenizerJson);
    const config = v.safeParse(TokenizerConfig, tokenizerConfig);
    const issue = json.issues?.[0] ?? config.issues?.[0];
    if (!json.success || !config.success) {
      const where = issue ? `: ${v.getDotPath(issue) ?? 'document'}: ${issue.message}` : '';
      throw new AppError('BAD_INPUT', `The tokenizer files cannot be read${where}.`, { fix: BAD_FILES });
    }
    const added = json.output.added_tokens ?? [];
    this.#bytes = tokenBytesFor(json.output.decoder);
    try {
      this.#tokenizer = new Tokenizer({ ...json.output, added_tokens: added }, config.output);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('BAD_INPUT', `The tokenizer cannot be built: ${reason}`, { fix: BAD_FILES, cause });
    }
    this.bosToken = nameOf(config.output.bos_token);
    this.eosToken = nameOf(config.output.eos_token);
    this.#added = new Map(added.map(({ id, content }) => [id, content]));
    const special = added.filter((token) => token.special);
    this.#special = new Set(special.map(({ id }) => id));
    const names = special.map(({ content }) => content).filter((name) => [...name].length > 1);
    this.#specialStart =
      names.length > 0 ? new RegExp(`(?=${names.map(escape).join('|')})`, 'gu') : undefined;
  }

  /** Ids of the special tokens, which `decode` leaves out. */
  get specialIds(): ReadonlySet<number> {
    return this.#special;
  }

  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  encode(text: string, { special = 'parse', addSpecial = false }: EncodeOptions = {}): number[] {
    if (special === 'parse') return this.#encode(text, addSpecial);
    const cuts = this.specialCuts(text);
    let from = 0;
    const ids: number[] = [];
    for (const cut of [...cuts, text.length]) {
      ids.push(...this.#encode(text.slice(from, cut), addSpecial && from === 0));
      from = cut;
    }
    // Normalisation could still compose a special token out of other characters: such a one is dropped.
    return addSpecial ? ids : ids.filter((id) => !this.#special.has(id));
  }

  /**
   * Places to cut a text so that no piece contains the name of a special token: behind the first character of every
   * occurrence. Tokenised piece by piece, the names are ordinary text, and decoding gives the same text again.
   */
  specialCuts(text: string): number[] {
    if (!this.#specialStart) return [];
    return Array.from(text.matchAll(this.#specialStart), ({ index }) => {
      const first = text.codePointAt(index) ?? 0;
      return index + (first > 0xffff ? 2 : 1);
    });
  }

  #encode(text: string, addSpecial: boolean): number[] {
    if (text === '' && !addSpecial) return [];
    return this.#tokenizer.encode(text, { add_special_tokens: addSpecial }).ids;
  }

  /** Number of tokens of a text as a document or a model wrote it. */
  count(text: string): number {
    return this.encode(text, { special: 'plain' }).length;
  }

  /** Special tokens are left out unless wanted. Bytes that are not UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>, { special = false }: { special?: boolean } = {}): string {
    const stream = this.stream({ special });
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  /** Decodes token by token; bytes of an unfinished character are held back until it is complete. */
  stream({ special = false }: { special?: boolean } = {}): TokenStream {
    return new TokenStream((id) => this.#bytesOf(id, special), this.#bytes.stripsFirstSpace);
  }

  #bytesOf(id: number, special: boolean): Uint8Array {
    if (this.#special.has(id) && !special) return new Uint8Array();
    const added = this.#added.get(id);
    if (added !== undefined) return new TextEncoder().encode(added);
    // Models may have more rows than the vocabulary has tokens; such an id has no text.
    const piece = this.#tokenizer.id_to_token(id);
    return piece === undefined ? new Uint8Array() : this.#bytes.of(piece);
  }
}

/** The incremental decoder of one text. */
export class TokenStream {
  readonly #bytesOf: (id: number) => Uint8Array;
  // Without `ignoreBOM` a U+FEFF at the beginning would vanish.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #stripNext: boolean;

  constructor(bytesOf: (id: number) => Uint8Array, stripFirstSpace: boolean) {
    this.#bytesOf = bytesOf;
    this.#stripNext = stripFirstSpace;
  }

  /** The text that has become certain with this token; often empty. */
  push(id: number): string {
    return this.#strip(this.#decoder.decode(this.#bytesOf(id), { stream: true }));
  }

  /** What is left at the end: U+FFFD for an unfinished character, else nothing. */
  flush(): string {
    return this.#strip(this.#decoder.decode());
  }

  #strip(text: string): string {
    if (!this.#stripNext || text === '') return text;
    this.#stripNext = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}
