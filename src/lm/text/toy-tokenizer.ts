/** A tokenizer of a few hundred tokens with Qwen2's construction, for tests that must not depend on foreign files. */
import { qwen2TokenizerJson } from './bpe-files';
import { TextTokenizer } from './tokenizer';

/** Bytes in the order of GPT-2's alphabet: the printable ones, then those that are moved to U+0100 and up. */
function alphabet(): string[] {
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const printable = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)];
  return [...printable, ...range(0x100, 0x100 + 255 - printable.length)].map((code) =>
    String.fromCharCode(code),
  );
}

const MERGES = [
  't h',
  'th e',
  'Ġ the',
  'Ġ a',
  'i n',
  'r i',
  'd g',
  'dg e',
  'b ri',
  'Ġ bri',
  'Ġbri dge',
  'q u',
  'e r',
  'er y',
  'qu ery',
  '< /',
  'query >',
  'Ã ¦',
];

/** ChatML, as Qwen writes it, without a default system message. */
export const TOY_CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

export const TOY_TOKENIZER_CONFIG = {
  eos_token: '<|im_end|>',
  pad_token: { content: '<|endoftext|>' },
  chat_template: TOY_CHAT_TEMPLATE,
} as const;

export function toyTokenizerJson(): Record<string, unknown> {
  const tokens = [...alphabet(), ...MERGES.map((merge) => merge.replace(' ', ''))];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return qwen2TokenizerJson(vocab, `#version: 0.2\n${MERGES.join('\n')}\n`);
}

export const toyTokenizer = (): TextTokenizer => new TextTokenizer(toyTokenizerJson(), TOY_TOKENIZER_CONFIG);
