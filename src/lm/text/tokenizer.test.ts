import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { qwen2TokenizerJson } from './bpe-files';
import { TextTokenizer } from './tokenizer';
import { toyTokenizer, toyTokenizerJson } from './toy-tokenizer';

const tokenizer = toyTokenizer();
const END = tokenizer.idOf('<|im_end|>') ?? -1;
const anyText = fc.string({ unit: 'binary', maxLength: 40 });
/** Text that a tokenizer with NFC normalisation gives back unchanged. */
const normalText = anyText.map((text) => text.replace(/\p{Surrogate}/gu, '').normalize('NFC'));

describe('encoding', () => {
  it('merges as the merge table says', () => {
    expect(tokenizer.encode(' the bridge')).toEqual(
      ['Ġthe', 'Ġbridge'].map((token) => tokenizer.idOf(token)),
    );
    expect(tokenizer.count('a bridge')).toBe(2);
    expect(tokenizer.encode('')).toEqual([]);
  });

  it('reads the names of special tokens as those tokens, unless the text is plain', () => {
    expect(tokenizer.encode('a<|im_end|>')).toEqual([tokenizer.idOf('a'), END]);
    const plain = tokenizer.encode('a<|im_end|>', { special: 'plain' });
    expect(plain).not.toContain(END);
    expect(tokenizer.decode(plain)).toBe('a<|im_end|>');
  });

  it('never makes a special token of plain text, whatever is written', () => {
    const piece = fc.constantFrom(
      '<|im_end|>',
      '<|im_start|>',
      '<|im_',
      'end|>',
      '<',
      '|',
      '<|<|im_end|>im_end|>',
      'x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const ids = tokenizer.encode(text, { special: 'plain' });
        expect(ids.filter((id) => tokenizer.specialIds.has(id))).toEqual([]);
        expect(tokenizer.decode(ids)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it('cuts special names that overlap or begin outside the basic plane', () => {
    const json = qwen2TokenizerJson(
      Object.fromEntries(['<', 'a', '>', 'b', 'ð', 'Ł', 'Ķ', '¥'].map((token, id) => [token, id])),
      '',
      ['<a>', '>b', '🔥!'],
    );
    const odd = new TextTokenizer(json, {});
    const ids = odd.encode('<a>b🔥!', { special: 'plain' });
    expect(ids.filter((id) => odd.specialIds.has(id))).toEqual([]);
  });
});

describe('decoding', () => {
  it('gives back every text', () => {
    fc.assert(
      fc.property(normalText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text, { special: 'plain' }))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves special tokens out unless they are wanted', () => {
    const ids = tokenizer.encode('<|im_start|>a<|im_end|>');
    expect(tokenizer.decode(ids)).toBe('a');
    expect(tokenizer.decode(ids, { special: true })).toBe('<|im_start|>a<|im_end|>');
  });

  it('keeps a byte order mark and ignores ids without a token', () => {
    expect(tokenizer.decode(tokenizer.encode('\uFEFFa'))).toBe('\uFEFFa');
    expect(tokenizer.decode([999_999])).toBe('');
  });

  it('marks bytes that are not UTF-8', () => {
    const [first = 0] = tokenizer.encode('\u{1F309}');
    expect(tokenizer.decode([first])).toBe('\uFFFD');
  });
});

describe('a token stream', () => {
  it('holds a character back until its last byte', () => {
    const ids = tokenizer.encode('x\u{1F309}y');
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id))).toEqual(['x', '', '', '', '\u{1F309}', 'y']);
    expect(stream.flush()).toBe('');
  });

  it('hands an unfinished character out at the end', () => {
    const stream = tokenizer.stream();
    expect(stream.push(tokenizer.encode('\u{1F309}')[0] ?? 0)).toBe('');
    expect(stream.flush()).toBe('\uFFFD');
  });

  it('says in pieces what decode says at once, for any tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 280 }), { maxLength: 40 }), (ids) => {
        const stream = tokenizer.stream();
        const pieces = ids.map((id) => stream.push(id));
        expect(pieces.join('') + stream.flush()).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 1000 },
    );
  });

  it('never shows half a character of a well-formed text', () => {
    fc.assert(
      fc.property(normalText, (text) => {
        const stream = tokenizer.stream();
        let shown = '';
        for (const id of tokenizer.encode(text, { special: 'plain' })) {
          shown += stream.push(id);
          expect(text.startsWith(shown)).toBe(true);
          expect(shown).not.toMatch(/\p{Surrogate}/u);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('SentencePiece-like tokenizers', () => {
  const json = {
    added_tokens: [{ id: 0, content: '<s>', special: true }],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      unk_token: null,
      vocab: { '<s>': 0, '▁': 1, a: 2, '▁a': 3, '<0xC3>': 4, '<0xA6>': 5 },
      merges: ['▁ a'],
    },
  };
  const llama = new TextTokenizer(json, { bos_token: '<s>' });

  it('decode spaces, bytes and the space that was put in front', () => {
    expect(llama.encode('a aæ', { addSpecial: true })).toEqual([0, 3, 3, 4, 5]);
    expect(llama.decode([0, 3, 3, 4, 5])).toBe('a aæ');
  });

  it('name their first token', () => {
    expect(llama.bosToken).toBe('<s>');
  });
});

describe('files that do not fit', () => {
  it.each([
    ['no object', null],
    ['no model', { added_tokens: [] }],
    ['a broken added token', { ...toyTokenizerJson(), added_tokens: [{ id: 'x', content: 'y' }] }],
    ['a model of an unknown kind', { ...toyTokenizerJson(), model: { type: 'Magic', vocab: null } }],
    [
      'merges that are no pairs',
      { ...toyTokenizerJson(), model: { type: 'BPE', vocab: { a: 0 }, merges: 7 } },
    ],
  ])('are refused: %s', (_name, json) => {
    expect(() => new TextTokenizer(json, {})).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it('are refused as unsupported where the decoder is of another kind', () => {
    const json = { ...toyTokenizerJson(), decoder: { type: 'WordPiece' } };
    expect(() => new TextTokenizer(json, {})).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  it('of the older form are refused with the number of the line', () => {
    expect(() => qwen2TokenizerJson({ a: 0 }, '#version: 0.2\na b\nabc\n')).toThrow(/Line 3/);
    expect(() => qwen2TokenizerJson({ a: 'b' }, '')).toThrow(/vocab\.json/);
  });
});
