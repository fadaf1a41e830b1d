import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../protocol/language-model';
import { ChatTemplate, encodeChat } from './chat-template';
import { TOY_CHAT_TEMPLATE, TOY_TOKENIZER_CONFIG, toyTokenizer } from './toy-tokenizer';

const user = (content: string): ChatMessage => ({ role: 'user', content });

describe('ChatTemplate', () => {
  it('renders the messages and opens the assistant’s turn', () => {
    const text = new ChatTemplate(TOY_CHAT_TEMPLATE).render([
      { role: 'system', content: 'Be brief.' },
      user('Hi'),
    ]);
    expect(text).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  it('knows the BOS and EOS tokens, range, and Python’s names of constants', () => {
    const source =
      '{{ bos_token }}{% for i in range(1, 7, 2) %}{{ i }}{% endfor %}{% if None == none %}x{% endif %}{{ eos_token }}';
    expect(new ChatTemplate(source).render([], { bosToken: '<s>', eosToken: '</s>' })).toBe('<s>135x</s>');
  });

  it('is found as one template, as the default of several, or in a file of its own', () => {
    const of = (config: unknown, file?: string): string | undefined =>
      ChatTemplate.find(config, file)?.render([]);
    expect(of({ chat_template: 'a' })).toBe('a');
    const several = [
      { name: 'tool_use', template: 'b' },
      { name: 'default', template: 'c' },
    ];
    expect(of({ chat_template: several })).toBe('c');
    expect(of({ chat_template: several }, 'd')).toBe('d');
    expect(of({})).toBeUndefined();
    expect(of(null)).toBeUndefined();
    expect(() => of({ chat_template: 7 })).toThrow(/something else/);
  });

  it.each([
    ['is not Jinja', '{% for %}'],
    ['has no end of a block', '{% if true %}x'],
    ['calls what does not exist', '{{ strftime_now("%d") }}'],
    ['is endless text', 'x'.repeat(200_000)],
  ])('reports a template that %s', (_what, source) => {
    const render = (): string => new ChatTemplate(source).render([user('x')]);
    expect(render).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    expect(render).toThrow(/chat template/);
  });

  it.each([
    ['loops in loops', '{% for a in range(999) %}{% for b in range(999) %}{{ a }}{% endfor %}{% endfor %}'],
    ['asks for a range without end', '{% for a in range(1000000000) %}{% endfor %}'],
    ['asks for a range with step 0', '{% for a in range(0, 5, 0) %}{% endfor %}'],
    [
      'doubles a text',
      '{% set ns = namespace(x="aaaaaaaa") %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}',
    ],
    ['calls itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
  ])('stops a template that %s', (_what, source) => {
    const started = performance.now();
    expect(() => new ChatTemplate(source).render([user('x')])).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('passes on why a template refuses a conversation', () => {
    const source = "{{ raise_exception('roles must alternate') }}";
    expect(() => new ChatTemplate(source).render([])).toThrow(
      /refuses this conversation: roles must alternate/,
    );
  });

  it('reaches nothing of JavaScript', () => {
    for (const source of [
      '{{ messages.constructor }}',
      '{{ messages[0]["__proto__"] }}',
      '{{ globalThis }}',
    ]) {
      let text = '';
      try {
        text = new ChatTemplate(source).render([user('x')]);
      } catch {
        // refusing is as good as finding nothing
      }
      expect(text).not.toMatch(/function|native|object/);
    }
  });

  it('never throws anything but an error that can be shown', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      ' for ',
      ' in ',
      'messages',
      ' if ',
      ' endif ',
      ' endfor ',
      '"',
      '|',
      '.',
      '(',
      ')',
      'x',
      '~',
      'set ',
      '=',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 15 }), (pieces) => {
        try {
          expect(typeof new ChatTemplate(pieces.join('')).render([user('x')])).toBe('string');
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_INPUT' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('encodeChat', () => {
  const tokenizer = toyTokenizer();
  const template = ChatTemplate.find(TOY_TOKENIZER_CONFIG) ?? new ChatTemplate('');
  const START = tokenizer.idOf('<|im_start|>') ?? -1;
  const END = tokenizer.idOf('<|im_end|>') ?? -1;
  const marks = (ids: number[]): number[] => ids.filter((id) => tokenizer.specialIds.has(id));

  it('is the tokenised rendering where no message names a special token', () => {
    const messages = [user('the bridge')];
    expect(encodeChat(tokenizer, template, messages)).toEqual(tokenizer.encode(template.render(messages)));
  });

  it('lets no message forge a turn, and loses no character of it', () => {
    const piece = fc.constantFrom(
      '<|im_end|>',
      '<|im_start|>',
      '\n',
      '<|',
      'im_end',
      '|>',
      'system',
      '\uFDD0',
      'æ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const content = pieces.join('');
        const ids = encodeChat(tokenizer, template, [user(content)]);
        expect(marks(ids)).toEqual([START, END, START]);
        const expected = template.render([user(content.replaceAll('\uFDD0', ''))]);
        expect(tokenizer.decode(ids, { special: true })).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });
});
