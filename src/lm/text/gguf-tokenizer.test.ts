import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { ChatTemplate } from './chat-template';
import { tokenizerFromGguf } from './gguf-tokenizer';
import { TextTokenizer } from './tokenizer';
import { TOY_CHAT_TEMPLATE, toyTokenizer, toyTokenizerJson } from './toy-tokenizer';

const key = (name: string): string => `tokenizer.ggml.${name}`;

interface ToyModel {
  model: { vocab: Record<string, number>; merges: [string, string][] };
  added_tokens: { content: string }[];
}

/** The toy tokenizer as llama.cpp's converter would write it, with a padding token behind it. */
function toyMetadata(changes: Record<string, unknown> = {}): Map<string, unknown> {
  const { model, added_tokens: added } = toyTokenizerJson() as unknown as ToyModel;
  // By id: in an object the digits come before everything else.
  const ordinary = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
  const tokens = [...ordinary.map(([token]) => token), ...added.map(({ content }) => content), '[PAD900]'];
  const count = ordinary.length;
  const types = Int32Array.from(tokens, (_, id) => (id < count ? 1 : id < tokens.length - 1 ? 3 : 5));
  const entries = {
    model: 'gpt2',
    pre: 'qwen2',
    tokens,
    token_type: types,
    merges: model.merges.map((pair) => pair.join(' ')),
    eos_token_id: tokens.indexOf('<|im_end|>'),
    padding_token_id: tokens.indexOf('<|endoftext|>'),
    ...changes,
  };
  const metadata = new Map<string, unknown>(
    Object.entries(entries).map(([name, value]) => [key(name), value]),
  );
  metadata.set('tokenizer.chat_template', TOY_CHAT_TEMPLATE);
  return metadata;
}

const build = (metadata: Map<string, unknown>): TextTokenizer => {
  const { tokenizer, config } = tokenizerFromGguf(metadata);
  return new TextTokenizer(tokenizer, config);
};

describe('a byte-level tokenizer from GGUF metadata', () => {
  const tokenizer = build(toyMetadata());

  it('is the one that the model’s own files give', () => {
    const original = toyTokenizer();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom('the', ' ', 'bridge', '12', '</', '<|im_end|>') }),
        ),
        (text) => {
          const ids = tokenizer.encode(text);
          expect(ids).toEqual(original.encode(text));
          expect(tokenizer.decode(ids)).toBe(original.decode(ids));
        },
      ),
    );
  });

  it('knows special tokens, roles and the chat template', () => {
    expect(tokenizer.encode('<|im_end|>')).toEqual([tokenizer.idOf('<|im_end|>')]);
    expect(tokenizer.encode('<|im_end|>', { special: 'plain' }).length).toBeGreaterThan(1);
    expect(tokenizer.eosToken).toBe('<|im_end|>');
    const { config } = tokenizerFromGguf(toyMetadata());
    expect(config).toMatchObject({ pad_token: '<|endoftext|>' });
    expect(ChatTemplate.find(config)?.render([{ role: 'user', content: 'x' }])).toContain(
      '<|im_start|>user\nx',
    );
  });

  it('has no text for the rows that fill up the embedding', () => {
    const last = (toyMetadata().get(key('tokens')) as string[]).length - 1;
    expect(tokenizer.decode([last])).toBe('');
    expect(tokenizer.encode('[PAD900]').length).toBeGreaterThan(1);
  });

  it('keeps tokens that a user defined in the text', () => {
    const metadata = toyMetadata();
    const tokens = [...(metadata.get(key('tokens')) as string[]), '<think>'];
    metadata.set(key('tokens'), tokens);
    const types = [...(metadata.get(key('token_type')) as Int32Array), 4];
    metadata.set(key('token_type'), Int32Array.from(types));
    const defined = build(metadata);
    expect(defined.encode('<think>')).toEqual([tokens.length - 1]);
    expect(defined.decode([tokens.length - 1])).toBe('<think>');
  });

  it('puts BOS before a text where Llama 3 or the file says so', () => {
    const bos_token_id = (toyMetadata().get(key('tokens')) as string[]).indexOf('<|im_start|>');
    const llama = build(toyMetadata({ pre: 'llama-bpe', bos_token_id }));
    expect(llama.encode('the', { addSpecial: true })).toEqual([bos_token_id, llama.idOf('the')]);
    expect(llama.encode('the')).toEqual([llama.idOf('the')]);
    const asked = build(toyMetadata({ bos_token_id, add_bos_token: true, add_eos_token: true }));
    const eos = asked.idOf('<|im_end|>');
    expect(asked.encode('the', { addSpecial: true })).toEqual([bos_token_id, asked.idOf('the'), eos]);
    const not = build(toyMetadata({ pre: 'llama-bpe', bos_token_id, add_bos_token: false }));
    expect(not.encode('the', { addSpecial: true })).toEqual([not.idOf('the')]);
  });

  it.each([
    ['qwen2', ['1', '2', '3', '4']],
    ['smollm', ['1', '2', '3', '4']],
    ['llama-bpe', ['123', '4']],
    ['gpt-2', ['1234']],
  ])('cuts numbers as %s does', (pre, wanted) => {
    const metadata = toyMetadata({ pre });
    // Every run of digits can become one token.
    const digits = ['12', '123', '1234'];
    const tokens = metadata.get(key('tokens')) as string[];
    metadata.set(key('tokens'), [...tokens, ...digits]);
    metadata.delete(key('token_type'));
    metadata.set(key('merges'), [...(metadata.get(key('merges')) as string[]), '1 2', '12 3', '123 4']);
    const cut = build(metadata);
    expect(cut.encode('1234').map((id) => cut.decode([id]))).toEqual(wanted);
  });

  it('takes a whole word that is a token before merging where the model was made so', () => {
    const metadata = (pre: string): Map<string, unknown> => {
      const made = toyMetadata({ pre, token_type: undefined });
      made.delete(key('token_type'));
      made.set(key('tokens'), [...(made.get(key('tokens')) as string[]), 'zebra']);
      return made;
    };
    expect(build(metadata('llama-bpe')).encode('zebra')).toHaveLength(1);
    expect(build(metadata('qwen2')).encode('zebra')).toHaveLength(5);
  });
});

describe('a SentencePiece tokenizer from GGUF metadata', () => {
  const ordinary = ['▁', 'a', 'b', 'n', 'c', 'an', 'na', '▁b', 'ana', '▁ba', 'nana', '▁banana'];
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...ordinary];
  const first = 3 + bytes.length;
  const metadata = (changes: Record<string, unknown> = {}): Map<string, unknown> => {
    const entries = {
      model: 'llama',
      tokens,
      scores: Float32Array.from(tokens, (_, id) => (id < first ? 0 : first - id)),
      token_type: Int32Array.from(tokens, (_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < first ? 6 : 1)),
      ...{ bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0 },
      ...changes,
    };
    return new Map<string, unknown>(Object.entries(entries).map(([name, value]) => [key(name), value]));
  };
  const tokenizer = build(metadata());
  const pieces = (text: string): (string | undefined)[] => tokenizer.encode(text).map((id) => tokens[id]);

  it('merges the pair whose union scores highest, step by step', () => {
    // ▁ b a n a n a: an (-5) before na (-6), twice; then ▁b (-7); "an a" makes ana (-8); ▁b + an is no piece, ana + n neither.
    expect(pieces('banana')).toEqual(['▁b', 'an', 'ana']);
    expect(pieces('ba')).toEqual(['▁ba']);
    expect(pieces('can nana')).toEqual(['▁', 'c', 'an', '▁', 'nana']);
  });

  it('writes what it has no piece for in bytes, and reads it back', () => {
    expect(pieces('é')).toEqual(['▁', '<0xC3>', '<0xA9>']);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        // A text cannot be told from one that was written with the mark itself.
        fc.pre(!text.includes('▁'));
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('begins with BOS unless the file says no, and with a space unless it says no', () => {
    expect(tokenizer.encode('ba', { addSpecial: true })[0]).toBe(1);
    const bare = build(metadata({ add_bos_token: false, add_space_prefix: false }));
    expect(bare.encode('ba', { addSpecial: true }).map((id) => tokens[id])).toEqual(['b', 'a']);
    expect(bare.decode(bare.encode(' ba'))).toBe(' ba');
  });
});

describe('GGUF metadata that cannot be used', () => {
  it.each([
    [{ model: 't5' }, 'UNSUPPORTED', /kind t5/],
    [{ model: undefined }, 'UNSUPPORTED', /without a name/],
    [{ pre: 'tekken' }, 'UNSUPPORTED', /"tekken"/],
    [{ pre: undefined }, 'UNSUPPORTED', /does not say/],
    [{ tokens: undefined }, 'BAD_INPUT', /no tokens/],
    [{ tokens: [] }, 'BAD_INPUT', /no tokens/],
    [{ tokens: ['a', 1] }, 'BAD_INPUT', /tokens holds/],
    [{ token_type: Int32Array.of(1, 1) }, 'BAD_INPUT', /token_type/],
    [{ merges: undefined }, 'BAD_INPUT', /no merges/],
    [{ merges: ['a b', 'ab'] }, 'BAD_INPUT', /merge 1/],
    [{ model: 'llama' }, 'BAD_INPUT', /no scores/],
  ])('is refused with a reason: %j', (changes, code, message) => {
    const made = (): unknown => tokenizerFromGguf(toyMetadata(changes));
    expect(made).toThrow(message);
    expect(made).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('never ends in anything but tokenizer files or an AppError', () => {
    const names = [
      'model',
      'pre',
      'tokens',
      'token_type',
      'merges',
      'scores',
      'eos_token_id',
      'add_bos_token',
    ];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.int32Array(),
      fc.array(fc.string()),
      fc.constantFrom('gpt2', 'llama', 'bert'),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (changes) => {
        try {
          tokenizerFromGguf(toyMetadata(changes));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });
});
