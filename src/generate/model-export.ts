/** What the files of an export are: of a model that is open, wherever it lies, and of one that is stored on this device. */
import { blobSource } from '../lm/byte-source';
import { parseModelConfig } from '../lm/config';
import { safetensorsExport } from '../lm/formats/safetensors-export';
import { MAX_MANIFEST_BYTES, PACK_FILE, parseManifest } from '../lm/formats/pack-manifest';
import { readPackFile, type Sha256 } from '../lm/formats/pack-checkpoint';
import type { ModelSource } from '../lm/import/model-source';
import { closeModel, openModel, type OpenedModel } from '../lm/import/open-model';
import type { LoraAdapter } from '../lm/lora/adapter';
import { mergedCheckpoint } from '../lm/lora/merge';
import type { WrittenType } from '../lm/safetensors-writer';
import { AppError, throwIfAborted } from '../protocol/errors';
import { slugOf } from '../protocol/model-ids';
import type {
  ExportedFile,
  ExportModelRequest,
  ExportTarget,
  ExportTargetRequest,
  ExportType,
  ModelExport,
} from '../protocol/model-export';
import type { ModelStore, StoredModel } from '../protocol/model-library';
import type { OnProgress } from '../protocol/retrieval';
import { readAdapter } from './adapter-files';
import { StoredSource } from './stored-model';

const PIECE_BYTES = 4 * 2 ** 20;
const WRITTEN: Record<ExportType, WrittenType> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

/** A model with an adapter merged in as its weights are read. `by` names the adapter. */
export function withMerged(model: OpenedModel, adapter: LoraAdapter, by: string): OpenedModel {
  const { container, config, weightFiles, checkpoint, origin } = model;
  return {
    // Without a manifest: what comes out is another model than the pack that it may come from.
    ...{ container, config, weightFiles },
    origin: { ...origin, name: `${origin.name} with ${by}` },
    checkpoint: mergedCheckpoint(checkpoint, adapter),
    texts: (later) => model.texts(later),
  };
}

/**
 * A model in Hugging Face's layout: config, tokenizer, template and weights.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, ABORTED
 */
export async function safetensorsFiles(
  model: OpenedModel,
  type: ExportType,
  signal?: AbortSignal,
): Promise<ExportedFile[]> {
  const { tokenizer, tokenizerConfig, generationConfig, chatTemplate, others } = await model.texts(signal);
  const text = (path: string, content: string) => ({ path, bytes: new TextEncoder().encode(content) });
  const beside = [
    ...(tokenizer ? [tokenizer] : []),
    ...(tokenizerConfig ? [tokenizerConfig] : []),
    ...(generationConfig ? [text('generation_config.json', JSON.stringify(generationConfig, null, 2))] : []),
    ...(chatTemplate === undefined ? [] : [text('chat_template.jinja', chatTemplate)]),
    ...others,
  ];
  const { config, checkpoint } = model;
  return safetensorsExport({ config, checkpoint, type: WRITTEN[type], others: beside });
}

export interface StoredExportTools {
  store: ModelStore;
  sha256: Sha256;
  target: (request: ExportTargetRequest) => Promise<ExportTarget>;
}

interface Planned {
  files: ExportedFile[];
  close?: () => Promise<void>;
}

/** Writes a stored model, or one of its adapters, out of the store. After an error or an abort nothing of it stays. */
export async function exportStored(
  request: ExportModelRequest,
  tools: StoredExportTools,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<ModelExport> {
  const record = await tools.store.get(request.model);
  if (record.state !== 'ready') {
    throw new AppError('BAD_INPUT', `“${record.name}” is not complete yet.`, {
      fix: 'Finish its download first.',
    });
  }
  const { files, close } = await plan(request, record, tools, signal);
  try {
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const { folder } = request;
    const target = await tools.target({ name: nameOf(request, record), folder, bytes: total });
    let done = 0;
    try {
      for (const file of files) {
        const onBytes = (bytes: number): void => {
          done += bytes;
          onProgress?.({ done, total, unit: 'bytes' });
        };
        await target.write(file, onBytes, signal);
      }
      throwIfAborted(signal);
      const archive = await target.finish();
      const entries = files.map(({ path, bytes }) => ({ path, bytes }));
      return { name: target.name, files: entries, ...(archive && { archive }) };
    } catch (error) {
      await target.discard().catch(() => undefined); // The first error is the one to tell.
      throw error;
    }
  } finally {
    await close?.();
  }
}

function nameOf({ format, type = 'bf16', adapter }: ExportModelRequest, record: StoredModel): string {
  const base = slugOf(record.name);
  if (format === 'pack') return `${base}-pack`;
  const adapted = adapter === undefined ? base : `${base}-${slugOf(adapter, 32)}`;
  return format === 'peft' ? adapted : `${adapted}-${type}`;
}

async function plan(
  { format, adapter, type = 'bf16' }: ExportModelRequest,
  record: StoredModel,
  { store, sha256 }: StoredExportTools,
  signal: AbortSignal | undefined,
): Promise<Planned> {
  const { id, name } = record;
  const source = new StoredSource(store, id);
  if (adapter === undefined) {
    if (format === 'pack') return { files: await packFiles(source, store, id, sha256, signal) };
    if (format === 'peft') {
      throw new AppError('BAD_INPUT', 'No adapter is named.', { fix: 'Choose the adapter to export.' });
    }
    const opened = await openModel({ source, sha256, signal });
    return { files: await safetensorsFiles(opened, type, signal), close: () => closeModel(opened) };
  }
  if (!record.adapters.some((known) => known.id === adapter)) {
    throw new AppError('NOT_FOUND', `“${name}” has no adapter ${adapter}.`, { fix: 'Choose another one.' });
  }
  if (format === 'pack') {
    throw new AppError('BAD_INPUT', 'A pack is exported as it is stored, without an adapter.', {
      fix: 'Choose safetensors to have the adapter merged in.',
    });
  }
  const folder = `adapters/${adapter}/`;
  const beside = new StoredSource(store, id, folder);
  if (format === 'peft') return { files: await storedFiles(beside, store, id, folder) };
  const opened = await openModel({ source, sha256, signal });
  const lora = await readAdapter(beside, parseModelConfig(opened.config), signal);
  const files = await safetensorsFiles(withMerged(opened, lora, adapter), type, signal);
  return { files, close: () => closeModel(opened) };
}

/** The pack's own files, each checked against the manifest as it is read. */
async function packFiles(
  source: ModelSource,
  store: ModelStore,
  id: string,
  sha256: Sha256,
  signal: AbortSignal | undefined,
): Promise<ExportedFile[]> {
  const manifest = await source.open(PACK_FILE, signal);
  const bytes = await manifest.read(0, Math.min(manifest.size, MAX_MANIFEST_BYTES), signal);
  const { files, shards } = parseManifest(bytes);
  const listed = [...files, ...shards].map(async (file): Promise<ExportedFile> => {
    const stored = await store.open(id, file.path);
    return {
      ...{ path: file.path, bytes: file.bytes },
      ...(stored && { stored }),
      async *parts(later) {
        yield await readPackFile(file, (path) => source.open(path, later), sha256, later);
      },
    };
  });
  const [first] = await storedFiles(source, store, id, '', (path) => path === PACK_FILE);
  return [...(first ? [first] : []), ...(await Promise.all(listed))];
}

/** Files as they lie in the store. */
async function storedFiles(
  source: ModelSource,
  store: ModelStore,
  id: string,
  folder: string,
  wanted: (path: string) => boolean = () => true,
): Promise<ExportedFile[]> {
  const listed = (await source.list()).filter(({ path }) => wanted(path));
  return Promise.all(
    listed.map(async ({ path, bytes }): Promise<ExportedFile> => {
      const stored = await store.open(id, `${folder}${path}`);
      return {
        ...{ path, bytes },
        ...(stored && { stored }),
        async *parts(signal) {
          const file = stored ? blobSource(path, stored) : await source.open(path, signal);
          for (let at = 0; at < file.size; at += PIECE_BYTES) {
            yield new Uint8Array(await file.read(at, Math.min(PIECE_BYTES, file.size - at), signal));
          }
        },
      };
    }),
  );
}
