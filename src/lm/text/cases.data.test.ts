/** llama.cpp's tokenizer cases, for every tokenizer that can be built here. */
import { openAsBlob, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { blobSource } from '../byte-source';
import { openGguf } from '../formats/gguf';
import { qwen2TokenizerJson } from './bpe-files';
import { tokenizerFromGguf, type TokenizerFiles } from './gguf-tokenizer';
import { TOKEN_TYPE } from './gguf-vocabulary';
import { TextTokenizer } from './tokenizer';

const folder = join(process.env['S3_DATA'] ?? '../shared/data', 'tokenizers');
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');
const json = (...path: string[]): unknown => JSON.parse(text(...path));

/** Texts between markers, one line of ids for each. */
function casesOf(name: string): [string, number[]][] {
  const outputs = text('cases', `${name}.out`).split('\n');
  return text('cases', `${name}.inp`)
    .split('\n__ggml_vocab_test__\n')
    .map((input, i) => [input, (outputs[i] ?? '').split(' ').filter(Boolean).map(Number)]);
}

async function fromGguf(name: string): Promise<TokenizerFiles & { metadata: ReadonlyMap<string, unknown> }> {
  const file = `vocab-${name}.gguf`;
  const { metadata } = await openGguf(blobSource(file, await openAsBlob(join(folder, 'gguf', file))));
  return { ...tokenizerFromGguf(metadata), metadata };
}

/** As encoders use it: without what a text is put between. */
const encoder = (tokenizer: object, config: object): ((input: string) => number[]) => {
  const built = new Tokenizer(tokenizer, config);
  return (input) => built.encode(input, { add_special_tokens: false }).ids;
};

describe('BERT’s tokenizer', () => {
  const encode = encoder(
    json('bert-uncased', 'tokenizer.json') as object,
    json('bert-uncased', 'tokenizer_config.json') as object,
  );
  const cases = casesOf('bert');

  it('is tested on all of the cases', () => {
    expect(cases.length).toBeGreaterThan(40);
  });

  it.each(cases)('encodes %j as llama.cpp does', (input, ids) => {
    expect(encode(input)).toEqual(ids);
  });

  it('is the same from a GGUF file', async () => {
    const { tokenizer, config } = await fromGguf('bert');
    const fromFile = encoder(tokenizer, config);
    for (const [input, ids] of cases) expect(fromFile(input)).toEqual(ids);
    const around = new Tokenizer(tokenizer, config).encode('hello');
    expect(around.ids).toEqual([101, 7592, 102]);
  });
});

describe('GPT-2’s tokenizer from a GGUF file', () => {
  it('has the published ids', async () => {
    const { tokenizer, config } = await fromGguf('gpt2');
    const gpt2 = new TextTokenizer(tokenizer, config);
    // From the README of OpenAI's tiktoken ("hello world") and the documentation of transformers ("Hello, my dog is cute").
    expect(gpt2.encode('hello world')).toEqual([31373, 995]);
    expect(gpt2.encode('Hello, my dog is cute')).toEqual([15496, 11, 616, 3290, 318, 13779]);
    expect(gpt2.encode('<|endoftext|>')).toEqual([50256]);
    expect(gpt2.eosToken).toBe('<|endoftext|>');
  });

  it('gives every case back', async () => {
    const { tokenizer, config } = await fromGguf('gpt2');
    const gpt2 = new TextTokenizer(tokenizer, config);
    for (const [input] of casesOf('qwen2')) expect(gpt2.decode(gpt2.encode(input))).toBe(input);
  });
});

describe('Qwen2’s tokenizer as llama.cpp’s converter writes it', () => {
  const special = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
  const vocab = json('qwen2', 'vocab.json') as Record<string, number>;
  const ordinary = Object.entries(vocab).sort(([, a], [, b]) => a - b);
  const tokens = [...ordinary.map(([token]) => token), ...special];
  const metadata = new Map<string, unknown>([
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'qwen2'],
    ['tokenizer.ggml.tokens', tokens],
    [
      'tokenizer.ggml.token_type',
      Int32Array.from(tokens, (token) => (special.includes(token) ? TOKEN_TYPE.control : TOKEN_TYPE.normal)),
    ],
    [
      'tokenizer.ggml.merges',
      text('qwen2', 'merges.txt')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#version')),
    ],
    ['tokenizer.ggml.eos_token_id', tokens.indexOf('<|im_end|>')],
  ]);

  it('encodes all cases, and is the same as from vocab.json and merges.txt', () => {
    const { tokenizer, config } = tokenizerFromGguf(metadata);
    const fromMetadata = new TextTokenizer(tokenizer, config);
    for (const [input, ids] of casesOf('qwen2')) expect(fromMetadata.encode(input)).toEqual(ids);
    const original = qwen2TokenizerJson(vocab, text('qwen2', 'merges.txt'));
    expect(tokenizer).toEqual(original);
  });
});
