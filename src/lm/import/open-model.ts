/** Opens a model wherever its weights lie: safetensors in the hub's layout, a GGUF file, or a pack. Reads tables, no weights. */
import { sha256Hex } from '../../retrieval/sha256';
import { AppError } from '../../protocol/errors';
import type { ByteSource } from '../byte-source';
import type { Checkpoint } from '../checkpoint';
import type { ModelFiles } from '../local-model';
import { openSafetensorsCheckpoint } from '../safetensors';
import { openGgufModel } from '../formats/gguf-checkpoint';
import { packCheckpoint, readPackFile, type Sha256 } from '../formats/pack-checkpoint';
import { MAX_MANIFEST_BYTES, PACK_FILE, parseManifest, type PackManifest } from '../formats/pack-manifest';
import { ggufTexts, hubTexts, type ModelTexts } from './model-texts';
import type { ModelOrigin, ModelSource } from './model-source';
import {
  isRecord,
  listSource,
  MAX_CONFIG_BYTES,
  MAX_INDEX_BYTES,
  parseRecord,
  readBytes,
} from './text-files';
import type { ListedSource } from './text-files';

export interface OpenModelOptions {
  source: ModelSource;
  /** Which GGUF file, where there are several. */
  file?: string | undefined;
  sha256?: Sha256 | undefined;
  signal?: AbortSignal | undefined;
}

export interface OpenedModel {
  container: 'safetensors' | 'gguf' | 'pack';
  origin: ModelOrigin;
  /** Parsed `config.json`, or what the container says in its place. */
  config: Record<string, unknown>;
  checkpoint: Checkpoint;
  /** The files that hold the weights, opened. */
  weightFiles: readonly ByteSource[];
  /** Of a pack. */
  manifest?: PackManifest;
  /** Tokenizer, template and generation settings; read when asked for. */
  texts(signal?: AbortSignal): Promise<ModelTexts>;
}

/** @throws AppError NOT_FOUND, BAD_INPUT, UNSUPPORTED, INTEGRITY, and what the source throws */
export async function openModel({ source, file, sha256, signal }: OpenModelOptions): Promise<OpenedModel> {
  const listed = await listSource(source, signal);
  if (listed.files.has(PACK_FILE)) return openPack(listed, sha256 ?? sha256Hex, signal);
  const gguf = ggufFile(listed, file);
  return gguf === undefined ? openSafetensors(listed, signal) : openGguf(listed, gguf, signal);
}

/** Ends transfers and closes files; the model may still be read. */
export async function closeModel({ weightFiles }: Pick<OpenedModel, 'weightFiles'>): Promise<void> {
  for (const file of weightFiles) await file.close?.();
}

/** What `openLocalModel` takes. @throws AppError NOT_FOUND where the model has no tokenizer */
export async function modelFilesOf(model: OpenedModel, signal?: AbortSignal): Promise<ModelFiles> {
  const texts = await model.texts(signal);
  if (texts.tokenizer === undefined) {
    throw new AppError('NOT_FOUND', `${model.origin.name} has no tokenizer.`, {
      fix: 'Choose a model with tokenizer.json, or work with token ids.',
    });
  }
  return {
    config: model.config,
    checkpoint: model.checkpoint,
    tokenizer: texts.tokenizer.json,
    tokenizerConfig: texts.tokenizerConfig?.json ?? {},
    ...(texts.generationConfig && { generationConfig: texts.generationConfig }),
    ...(texts.chatTemplate !== undefined && { chatTemplate: texts.chatTemplate }),
  };
}

async function openPack(
  listed: ListedSource,
  hash: Sha256,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  const { source } = listed;
  const manifest = parseManifest(await readBytes(listed, PACK_FILE, MAX_MANIFEST_BYTES, signal));
  const { name, revision, licence, config } = manifest;
  const open = (path: string): Promise<ByteSource> => source.open(path, signal);
  return {
    container: 'pack',
    origin: { name, ...(revision !== undefined && { revision }), ...(licence !== undefined && { licence }) },
    ...{ config, manifest },
    checkpoint: packCheckpoint(manifest, (path, later) => source.open(path, later), hash),
    weightFiles: await Promise.all(manifest.shards.map(({ path }) => open(path))),
    texts: async (later) => {
      const read = async (path: string) => {
        const file = manifest.files.find((entry) => entry.path === path);
        if (!file) return undefined;
        const bytes = await readPackFile(file, (name) => source.open(name, later), hash, later);
        return { path, bytes, json: parseRecord(path, bytes) };
      };
      const tokenizer = await read('tokenizer.json');
      const tokenizerConfig = await read('tokenizer_config.json');
      const { generationConfig, chatTemplate } = manifest;
      return {
        ...(tokenizer && { tokenizer }),
        ...(tokenizerConfig && { tokenizerConfig }),
        ...(generationConfig && { generationConfig }),
        ...(chatTemplate !== undefined && { chatTemplate }),
        others: [],
      };
    },
  };
}

/** The GGUF file to open; undefined where there are safetensors instead. */
function ggufFile({ source, files }: ListedSource, wanted: string | undefined): string | undefined {
  const names = [...files.keys()];
  if (wanted !== undefined) {
    if (files.has(wanted)) return wanted;
    throw new AppError('NOT_FOUND', `${source.origin().name} has no ${wanted}.`, {
      fix: 'Check the name of the file.',
    });
  }
  if (names.some((name) => name.endsWith('.safetensors'))) return undefined;
  const candidates = names.filter((name) => name.endsWith('.gguf'));
  if (candidates.length <= 1) return candidates[0];
  throw new AppError('BAD_INPUT', `${source.origin().name} holds ${candidates.length} GGUF files.`, {
    fix: `Name one of them: ${candidates.slice(0, 20).join(', ')}.`,
  });
}

async function openGguf(
  listed: ListedSource,
  path: string,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  if (/-\d{5}-of-\d{5}\.gguf$/.test(path)) {
    throw new AppError('UNSUPPORTED', `${path} is one part of a GGUF file that was split.`, {
      fix: 'Join the parts with `llama-gguf-split --merge`, or choose a file that is whole.',
    });
  }
  const { source } = listed;
  const file = await source.open(path, signal);
  const { config, checkpoint, file: parsed } = await openGgufModel(file, signal);
  return {
    container: 'gguf',
    origin: source.origin(),
    ...{ config, checkpoint },
    weightFiles: [file],
    texts: () => Promise.resolve(ggufTexts(parsed)),
  };
}

async function openSafetensors(listed: ListedSource, signal: AbortSignal | undefined): Promise<OpenedModel> {
  const { source } = listed;
  const config = parseRecord('config.json', await readBytes(listed, 'config.json', MAX_CONFIG_BYTES, signal));
  const weightFiles: ByteSource[] = [];
  for (const path of await safetensorsFiles(listed, signal))
    weightFiles.push(await source.open(path, signal));
  return {
    container: 'safetensors',
    origin: source.origin(),
    config,
    checkpoint: await openSafetensorsCheckpoint(weightFiles, signal),
    weightFiles,
    texts: (later) => hubTexts(listed, config, later),
  };
}

/** Those that the index names, else model.safetensors, else the only one. */
async function safetensorsFiles(listed: ListedSource, signal: AbortSignal | undefined): Promise<string[]> {
  const names = [...listed.files.keys()].filter((name) => !name.includes('/'));
  const index = names.find((name) => name.endsWith('.safetensors.index.json'));
  if (index !== undefined) {
    const map = parseRecord(index, await readBytes(listed, index, MAX_INDEX_BYTES, signal))['weight_map'];
    const files = isRecord(map) ? [...new Set(Object.values(map))] : [];
    const missing = files.find((name) => typeof name !== 'string' || !listed.files.has(name));
    if (files.length > 0 && missing === undefined) return (files as string[]).sort();
    const what =
      files.length === 0 ? 'names no files' : `names ${String(missing).slice(0, 100)}, which is not there`;
    throw new AppError('NOT_FOUND', `${index} ${what}.`, {
      fix: 'Fetch the model again, with all its files.',
    });
  }
  if (names.includes('model.safetensors')) return ['model.safetensors'];
  const files = names.filter((name) => name.endsWith('.safetensors'));
  if (files.length === 1) return files;
  const name = listed.source.origin().name;
  const message =
    files.length === 0
      ? `${name} holds no weights as safetensors, GGUF or a pack.`
      : `${name} holds ${files.length} safetensors files and no index that orders them.`;
  throw new AppError('NOT_FOUND', message, {
    fix: 'Choose another model, or fetch this one again with its index.',
  });
}
