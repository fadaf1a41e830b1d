import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../src/protocol/errors';
import { isNoFolder, orNothing } from './durable-file';
import { embeddedModel } from './registry';

const CONFIG = 'adapter_config.json';
const isRepository = (name: string): boolean => /^[\w.-]+\/[\w.-]+$/.test(name);

/**
 * The model that an adapter in a folder, as PEFT saves it, was trained for, as a reference; undefined where the folder holds no adapter.
 * @throws AppError BAD_INPUT where it does not say which
 */
export async function baseOfAdapter(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, CONFIG), 'utf8').catch((error: unknown) => {
    // Not a folder at all: a file, or a reference of another kind.
    if (isNoFolder(error)) return null;
    return orNothing(error);
  });
  if (text === null) return undefined;
  const name = baseName(text);
  if (name === undefined) {
    throw new AppError('BAD_INPUT', `${join(folder, CONFIG)} does not say what model the adapter is for.`, {
      fix: 'Write its folder, or its name on the hub, as base_model_name_or_path.',
    });
  }
  // As PEFT takes it: what lies here goes before the hub.
  const isHere = (await embeddedModel(name)) !== undefined || (await stat(name).catch(orNothing)) !== null;
  return !isHere && isRepository(name) ? `hf:${name}` : name;
}

function baseName(text: string): string | undefined {
  try {
    const { base_model_name_or_path: name } = JSON.parse(text) as { base_model_name_or_path?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
