/** The tokens of a GGUF file's metadata, checked. */
import { AppError } from '../../protocol/errors';
import type { AddedToken } from './bpe-json';

/** As the GGUF parser gives it: numbers in typed arrays, strings in arrays. */
export type GgufMetadata = ReadonlyMap<string, unknown>;

/** llama.cpp's types of tokens. */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface GgufVocabulary {
  tokens: readonly string[];
  /** Of every token; `TOKEN_TYPE`. */
  types: ArrayLike<number>;
  /** Control tokens (special) and those that a user defined: matched in the text before it is cut. */
  added: readonly AddedToken[];
  /** The token of a role: `bos`, `eos`, `unknown` … */
  special: (role: string) => AddedToken | undefined;
}

const key = (name: string): string => `tokenizer.ggml.${name}`;

export function refuse(what: string): never {
  throw new AppError('BAD_INPUT', `The GGUF file's tokenizer cannot be used: ${what}.`, {
    fix: 'Fetch the file again, or import the model from its safetensors files.',
  });
}

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  (ArrayBuffer.isView(value) && !(value instanceof DataView)) ||
  (Array.isArray(value) && value.every((item) => typeof item === 'number'));

export function readText(metadata: GgufMetadata, name: string): string | undefined {
  const value = metadata.get(key(name));
  return typeof value === 'string' ? value : undefined;
}

export function readFlag(metadata: GgufMetadata, name: string, fallback: boolean): boolean {
  const value = metadata.get(key(name));
  return typeof value === 'boolean' ? value : fallback;
}

export function readStrings(metadata: GgufMetadata, name: string): readonly string[] {
  const value: unknown = metadata.get(key(name));
  const list: unknown[] = Array.isArray(value) ? value : refuse(`it has no ${name}`);
  if (!list.every((item) => typeof item === 'string')) refuse(`${name} holds something else than texts`);
  return list;
}

/** One number for every token, or undefined where the file has none. */
export function readNumbers(
  metadata: GgufMetadata,
  name: string,
  count: number,
): ArrayLike<number> | undefined {
  const value: unknown = metadata.get(key(name));
  if (value === undefined) return undefined;
  if (!isNumbers(value) || value.length !== count) return refuse(`${name} is not one number for each token`);
  return value;
}

export function readVocabulary(metadata: GgufMetadata): GgufVocabulary {
  const tokens = readStrings(metadata, 'tokens');
  if (tokens.length === 0) refuse('it has no tokens');
  const types =
    readNumbers(metadata, 'token_type', tokens.length) ??
    new Uint8Array(tokens.length).fill(TOKEN_TYPE.normal);
  const added: AddedToken[] = [];
  tokens.forEach((content, id) => {
    const type = types[id];
    const isAdded = type === TOKEN_TYPE.control || type === TOKEN_TYPE.userDefined;
    if (isAdded && content !== '') added.push({ id, content, special: type === TOKEN_TYPE.control });
  });
  const special = (role: string): AddedToken | undefined => {
    const id = metadata.get(key(`${role}_token_id`));
    const content = typeof id === 'number' ? tokens[id] : undefined;
    return typeof id === 'number' && content !== undefined ? { id, content, special: true } : undefined;
  };
  return { tokens, types, added, special };
}
