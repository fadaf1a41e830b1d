import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ByteSource } from '../src/lm/byte-source';
import type { ModelFiles } from '../src/lm/local-model';
import { AppError } from '../src/protocol/errors';
import { openFileSource } from './file-source';
import { modelsFolder } from './folders';
import { embeddedModel } from './registry';

/** The folder that a reference names: of a model that comes with the project, or a path. */
export const checkpointFolder = async (reference: string): Promise<string> =>
  (await embeddedModel(reference)) === undefined ? reference : join(modelsFolder, reference);

async function readText(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `There is no ${path}.`, {
      fix: 'A model is `demo`, a folder with config.json and safetensors, or http(s)://host/v1#model.',
      cause,
    });
  });
}

async function readJson(folder: string, name: string): Promise<unknown> {
  const text = await readText(folder, name);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AppError('BAD_INPUT', `${join(folder, name)} is not JSON.`, {
      fix: 'Fetch the model again.',
      cause,
    });
  }
}

const indexSchema = v.object({ weight_map: v.record(v.string(), v.string()) });

/** The safetensors files of a checkpoint: those that its index names, else model.safetensors, else the only one. */
async function weightFiles(folder: string, names: readonly string[]): Promise<string[]> {
  const index = names.find((name) => name.endsWith('.safetensors.index.json'));
  if (index !== undefined) {
    const { weight_map } = v.parse(indexSchema, await readJson(folder, index));
    return [...new Set(Object.values(weight_map))].sort();
  }
  if (names.includes('model.safetensors')) return ['model.safetensors'];
  const files = names.filter((name) => name.endsWith('.safetensors'));
  if (files.length === 1) return files;
  const message =
    files.length === 0
      ? `${folder} holds no safetensors file.`
      : `${folder} holds ${files.length} safetensors files and no index that orders them.`;
  throw new AppError('NOT_FOUND', message, { fix: 'Fetch the model again, with its index.' });
}

/** What every command that loads weights needs of a folder. */
export interface OpenCheckpoint {
  folder: string;
  config: unknown;
  weights: ByteSource[];
  /** Whether the folder has a tokenizer of its own. */
  hasTokenizer: boolean;
  /** To be called once the weights are loaded. */
  close(): Promise<void>;
}

export async function openCheckpoint(reference: string): Promise<OpenCheckpoint> {
  const folder = await checkpointFolder(reference);
  const config = await readJson(folder, 'config.json');
  const names = await readdir(folder);
  const opened: Awaited<ReturnType<typeof openFileSource>>[] = [];
  for (const name of await weightFiles(folder, names)) opened.push(await openFileSource(join(folder, name)));
  return {
    folder,
    config,
    weights: opened.map(({ source }) => source),
    hasTokenizer: names.includes('tokenizer.json'),
    async close() {
      for (const { file } of opened) await file.close();
    },
  };
}

/** The same with all that turns text into tokens and back. */
export async function modelFiles({ folder, config, weights }: OpenCheckpoint): Promise<ModelFiles> {
  const names = new Set(await readdir(folder));
  const optional = async <T>(name: string, read: (folder: string, name: string) => Promise<T>) =>
    names.has(name) ? await read(folder, name) : undefined;
  const generationConfig = await optional('generation_config.json', readJson);
  const chatTemplate = await optional('chat_template.jinja', readText);
  return {
    config,
    weights,
    tokenizer: await readJson(folder, 'tokenizer.json'),
    tokenizerConfig: (await optional('tokenizer_config.json', readJson)) ?? {},
    ...(generationConfig !== undefined && { generationConfig }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  };
}
