import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { qwen2TokenizerJson } from './bpe-files';
import { TextTokenizer } from './tokenizer';

const folder = join(process.env['S3_DATA'] ?? '../shared/data', 'tokenizers');
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');

const tokenizer = new TextTokenizer(
  qwen2TokenizerJson(JSON.parse(text('qwen2', 'vocab.json')), text('qwen2', 'merges.txt')),
  { eos_token: '<|im_end|>' },
);

/** llama.cpp's cases: texts between markers, one line of ids for each. */
const inputs = text('cases', 'qwen2.inp').split('\n__ggml_vocab_test__\n');
const outputs = text('cases', 'qwen2.out').split('\n');
const cases = inputs.map((input, i): [string, number[]] => [
  input,
  (outputs[i] ?? '').split(' ').filter(Boolean).map(Number),
]);

describe('the Qwen2 tokenizer', () => {
  it('has its special tokens behind the vocabulary', () => {
    expect(tokenizer.idOf('<|endoftext|>')).toBe(151_643);
    expect(tokenizer.idOf('<|im_start|>')).toBe(151_644);
    expect(tokenizer.idOf('<|im_end|>')).toBe(151_645);
  });

  it('keeps the tokens that are named like properties of every object', () => {
    const words = ['constructor', 'prototype', 'ĠtoString', '__'];
    for (const word of words) expect(tokenizer.idOf(word)).toBeGreaterThan(0);
    expect(tokenizer.encode('constructor')).toEqual([tokenizer.idOf('constructor')]);
    expect(tokenizer.encode('prototype')).toEqual([tokenizer.idOf('prototype')]);
  });

  it('is tested on all of the cases', () => {
    expect(cases.length).toBeGreaterThan(40);
  });

  it.each(cases)('encodes %j as llama.cpp does, and decodes it again', (input, ids) => {
    expect(tokenizer.encode(input)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(input);
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id)).join('') + stream.flush()).toBe(input);
  });
});
