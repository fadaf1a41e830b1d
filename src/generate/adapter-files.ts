import type { ModelSource } from '../lm/import/model-source';
import { AppError } from '../protocol/errors';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
/** Of rank 64 on all linears of a 7B model, in f32, is 650 MB. */
const LARGEST = 2 ** 30;

const inFolder = (path: string, name: string): boolean => path === name || path.endsWith(`/${name}`);

/**
 * The two files of a PEFT adapter out of a folder or repository.
 * @throws AppError BAD_INPUT where there is none, or what `ModelSource` throws
 */
export async function readAdapterFiles(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Map<string, Blob>> {
  const entries = await source.list(signal);
  const files = new Map<string, Blob>();
  const config = entries.find(({ path }) => inFolder(path, CONFIG));
  const folder = config?.path.slice(0, -CONFIG.length) ?? '';
  for (const name of [CONFIG, WEIGHTS]) {
    const entry = entries.find(({ path }) => path === `${folder}${name}`);
    if (!entry || entry.bytes > LARGEST) {
      throw new AppError(
        'BAD_INPUT',
        entry ? `${name} is larger than an adapter can be.` : `There is no ${name}.`,
        { fix: `Choose a folder as PEFT saves it, with ${CONFIG} and ${WEIGHTS}.` },
      );
    }
    const file = await source.open(entry.path, signal);
    const bytes = await file.read(0, file.size, signal);
    files.set(name, new Blob([new Uint8Array(bytes)]));
  }
  return files;
}
