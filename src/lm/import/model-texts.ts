/** What turns text into tokens and back: tokenizer, chat template, generation settings, and texts that must stay with the weights. */
import type { GgufFile } from '../formats/gguf';
import { qwen2TokenizerJson } from '../text/bpe-files';
import { tokenizerFromGguf } from '../text/gguf-tokenizer';
import {
  MAX_CONFIG_BYTES,
  MAX_TOKENIZER_BYTES,
  parseJson,
  parseRecord,
  readBytes,
  type ListedSource,
} from './text-files';

export interface TextFile {
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
  json: Record<string, unknown>;
}

export interface ModelTexts {
  tokenizer?: TextFile;
  tokenizerConfig?: TextFile;
  generationConfig?: Record<string, unknown>;
  chatTemplate?: string;
  /** Licences and notices. */
  others: { path: string; bytes: Uint8Array<ArrayBuffer> }[];
}

const LICENCE = /^(LICEN[CS]E|NOTICE|USE_POLICY|COPYING)[\w.-]*$/i;

/** Of a folder in the hub's layout. @throws AppError BAD_INPUT, INTEGRITY, and what the source throws */
export async function hubTexts(
  listed: ListedSource,
  config: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<ModelTexts> {
  const read = async (path: string, limit: number): Promise<TextFile | undefined> => {
    if (!listed.files.has(path)) return undefined;
    const bytes = await readBytes(listed, path, limit, signal);
    return { path, bytes, json: parseRecord(path, bytes) };
  };
  const texts: ModelTexts = { others: [] };
  const tokenizer =
    (await read('tokenizer.json', MAX_TOKENIZER_BYTES)) ?? (await qwenTokenizer(listed, config, signal));
  if (tokenizer) texts.tokenizer = tokenizer;
  const tokenizerConfig = await read('tokenizer_config.json', MAX_TOKENIZER_BYTES);
  if (tokenizerConfig) texts.tokenizerConfig = tokenizerConfig;
  const generation = await read('generation_config.json', MAX_CONFIG_BYTES);
  if (generation) texts.generationConfig = generation.json;
  if (listed.files.has('chat_template.jinja')) {
    const bytes = await readBytes(listed, 'chat_template.jinja', MAX_CONFIG_BYTES, signal);
    texts.chatTemplate = new TextDecoder().decode(bytes);
  }
  for (const path of listed.files.keys()) {
    if (!LICENCE.test(path) || path.includes('..')) continue;
    texts.others.push({ path, bytes: await readBytes(listed, path, MAX_CONFIG_BYTES, signal) });
  }
  return texts;
}

/** Checkpoints that bring only the older pair of files. */
async function qwenTokenizer(
  listed: ListedSource,
  config: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<TextFile | undefined> {
  const isQwen = config['model_type'] === 'qwen2' || config['model_type'] === 'qwen3';
  if (!isQwen || !listed.files.has('vocab.json') || !listed.files.has('merges.txt')) return undefined;
  const vocab = parseJson('vocab.json', await readBytes(listed, 'vocab.json', MAX_TOKENIZER_BYTES, signal));
  const merges = new TextDecoder().decode(await readBytes(listed, 'merges.txt', MAX_TOKENIZER_BYTES, signal));
  return textFile('tokenizer.json', qwen2TokenizerJson(vocab, merges));
}

export function textFile(path: string, json: Record<string, unknown>): TextFile {
  return { path, json, bytes: new TextEncoder().encode(JSON.stringify(json)) };
}

/** Of a GGUF file's metadata: tokenizer, its settings with the chat template. @throws AppError BAD_INPUT, UNSUPPORTED */
export function ggufTexts({ metadata }: GgufFile): ModelTexts {
  if (!metadata.has('tokenizer.ggml.model')) return { others: [] };
  const { tokenizer, config } = tokenizerFromGguf(metadata);
  return {
    tokenizer: textFile('tokenizer.json', tokenizer),
    tokenizerConfig: textFile('tokenizer_config.json', config),
    others: [],
  };
}
