/** The demo model as one GGUF file, as llama.cpp's converter would write it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '../../src/lm/byte-source';
import { floatsOf } from '../../src/lm/checkpoint';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { GGML, ggufMetadata, ggufName, madeGguf, type MadeTensor, type MadeValue } from './made-gguf';

interface TokenizerFile {
  model: { vocab: Record<string, number>; merges: string[] };
  added_tokens: { id: number; content: string; special: boolean }[];
}

const folder = 'models/demo';
const json = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(join(folder, name), 'utf8')) as T;

function tokenizerMetadata(
  { model, added_tokens: added }: TokenizerFile,
  size: number,
  chatTemplate: string,
): Record<string, MadeValue> {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = Array.from({ length: size }, () => 5);
  for (const [token, id] of Object.entries(model.vocab)) [tokens[id], types[id]] = [token, 1];
  for (const { id, content, special } of added) [tokens[id], types[id]] = [content, special ? 3 : 4];
  return {
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'qwen2' },
    'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { type: 'i32s', value: types },
    'tokenizer.ggml.merges': { type: 'strings', value: model.merges },
    'tokenizer.ggml.eos_token_id': { type: 'u32', value: tokens.indexOf('<|im_end|>') },
    'tokenizer.chat_template': { type: 'string', value: chatTemplate },
  };
}

export async function demoGguf(): Promise<Buffer> {
  const config = await json<Parameters<typeof ggufMetadata>[0] & { vocab_size: number }>('config.json');
  const { chat_template: template } = await json<{ chat_template: string }>('tokenizer_config.json');
  const weights = new Uint8Array(await readFile(join(folder, 'model.safetensors')));
  const checkpoint = await openSafetensorsCheckpoint([bytesSource('model.safetensors', weights)]);
  const tensors: MadeTensor[] = [];
  for (const tensor of checkpoint.tensors.values()) {
    const floats = floatsOf(await tensor.readRows(0, tensor.shape[0] ?? 1));
    tensors.push({
      ...{ name: ggufName(tensor.name), shape: tensor.shape, type: GGML.F32 },
      bytes: new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength),
    });
  }
  const tokenizer = await json<TokenizerFile>('tokenizer.json');
  const metadata = { ...ggufMetadata(config), ...tokenizerMetadata(tokenizer, config.vocab_size, template) };
  return Buffer.from(madeGguf(metadata, tensors));
}
