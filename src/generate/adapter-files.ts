import { readWhole, type ByteSource } from '../lm/byte-source';
import { parseModelConfig, type ModelConfig } from '../lm/config';
import { FilesSource } from '../lm/import/files-source';
import type { ModelSource } from '../lm/import/model-source';
import { adapterShape } from '../lm/lora/adapter-memory';
import type { LoraAdapter } from '../lm/lora/adapter';
import { readPeftAdapter } from '../lm/lora/read-peft';
import type { AdapterShape } from '../protocol/model-library';
import { AppError } from '../protocol/errors';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
/** Of rank 64 on all linears of a 7B model, in f32, is 650 MB. */
const LARGEST = 2 ** 30;

const isNamed = (path: string, name: string): boolean => path === name || path.endsWith(`/${name}`);

async function openFiles(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<{ config: ByteSource; weights: ByteSource }> {
  const entries = await source.list(signal);
  const folder = entries.find(({ path }) => isNamed(path, CONFIG))?.path.slice(0, -CONFIG.length) ?? '';
  const open = async (name: string): Promise<ByteSource> => {
    const entry = entries.find(({ path }) => path === `${folder}${name}`);
    if (entry && entry.bytes <= LARGEST) return source.open(entry.path, signal);
    throw new AppError(
      'BAD_INPUT',
      entry ? `${name} is larger than an adapter can be.` : `There is no ${name}.`,
      { fix: `Choose a folder as PEFT saves it, with ${CONFIG} and ${WEIGHTS}.` },
    );
  };
  return { config: await open(CONFIG), weights: await open(WEIGHTS) };
}

function parseConfig(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new AppError('BAD_INPUT', `${CONFIG} is not JSON.`, { fix: 'Choose a folder as PEFT saves it.' });
  }
}

/**
 * A PEFT adapter out of a folder, a repository or the store, checked against the model that it is for.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, ABORTED, and what the source throws
 */
export async function readAdapter(
  source: ModelSource,
  model: ModelConfig,
  signal?: AbortSignal,
): Promise<LoraAdapter> {
  const { config, weights } = await openFiles(source, signal);
  try {
    const json = parseConfig(await readWhole(config, signal));
    return await readPeftAdapter({ config: json, source: weights, model, ...(signal && { signal }) });
  } finally {
    await weights.close?.();
  }
}

/** The two files of an adapter, fetched once, to be stored, when they are known to fit the model. @throws as `readAdapter` */
export async function adapterFiles(
  source: ModelSource,
  modelConfig: unknown,
  signal?: AbortSignal,
): Promise<{ files: Map<string, Blob>; shape: AdapterShape }> {
  const { config, weights } = await openFiles(source, signal);
  const files = new Map([
    [CONFIG, new Blob([await readWhole(config, signal)])],
    [WEIGHTS, new Blob([await readWhole(weights, signal)])],
  ]);
  const fetched = new FilesSource(source.origin().name, files);
  const adapter = await readAdapter(fetched, parseModelConfig(modelConfig), signal);
  return { files, shape: adapterShape(adapter) };
}
