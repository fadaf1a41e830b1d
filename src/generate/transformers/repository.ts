/** Which files of a repository a load takes, by the rules of `@huggingface/transformers`. */
import * as v from 'valibot';
import type { Fetch } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type {
  TextGenerationDevice,
  TextGenerationDownload,
  TextGenerationDtype,
  TextGenerationRequest,
} from '../../protocol/text-generation-worker';
import { HUB } from '../../retrieval/encoder/library';

/** A request whose place is decided. */
export interface Repository {
  id: string;
  revision: string;
  /** With a slash at the end. */
  hub: string;
}

const HUB_ID = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/** @throws AppError BAD_INPUT */
export function resolveRepository({ id, revision, hub }: TextGenerationRequest): Repository {
  if (!HUB_ID.test(id) || id.includes('..')) {
    throw new AppError('BAD_INPUT', `"${id.slice(0, 200)}" is no repository.`, {
      fix: 'Give owner/name of a repository with an ONNX model, such as onnx-community/Qwen2.5-0.5B-Instruct.',
    });
  }
  const chosen = revision ?? 'main';
  if (!/^[\w.-][\w./-]*$/.test(chosen) || chosen.includes('..')) {
    throw new AppError('BAD_INPUT', `"${chosen.slice(0, 200)}" is no revision.`, {
      fix: 'Give a branch, a tag or a commit, or nothing for main.',
    });
  }
  return { id, revision: chosen, hub: (hub ?? HUB).replace(/\/*$/, '/') };
}

export const fileUrl = ({ hub, id, revision }: Repository, file: string): string =>
  `${hub}${id}/resolve/${encodeURIComponent(revision)}/${file}`;

const SUFFIXES: Record<TextGenerationDtype, string> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
};

export const modelFile = (dtype: TextGenerationDtype): string => `onnx/model${SUFFIXES[dtype]}.onnx`;

/** What a load cannot do without. The library would remember for good that it did not find one of them. */
export const requiredFiles = (dtype: TextGenerationDtype): string[] => [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  modelFile(dtype),
];

/** By preference. Four bits are what a browser has room for; 16-bit floats want a device that has them, so they come late. */
const PREFERENCES: Record<TextGenerationDevice, readonly TextGenerationDtype[]> = {
  webgpu: ['q4', 'fp32', 'q4f16', 'fp16', 'q8'],
  wasm: ['q4', 'q8', 'int8', 'uint8', 'bnb4', 'fp32'],
};

async function sizeOf(repository: Repository, file: string, fetch: Fetch): Promise<number | undefined> {
  const response = await fetch(fileUrl(repository, file), { method: 'HEAD' });
  return response.status === 404 ? undefined : Number(response.headers.get('content-length') ?? 0);
}

/** @throws AppError NOT_FOUND where the repository has no ONNX model of a type that can be used */
export async function chooseDtype(
  repository: Repository,
  device: TextGenerationDevice,
  fetch: Fetch,
): Promise<TextGenerationDtype> {
  for (const dtype of PREFERENCES[device]) {
    if ((await sizeOf(repository, modelFile(dtype), fetch)) !== undefined) return dtype;
  }
  throw new AppError('NOT_FOUND', `${repository.id} (${repository.revision}) has no ONNX model.`, {
    fix: 'Check name and revision. Repositories of onnx-community, or with the tag transformers.js, have one in onnx/.',
  });
}

const ExternalData = v.union([v.boolean(), v.pipe(v.number(), v.safeInteger(), v.minValue(0))]);
const Config = v.looseObject({
  'transformers.js_config': v.nullish(
    v.looseObject({
      use_external_data_format: v.nullish(v.union([ExternalData, v.record(v.string(), ExternalData)])),
    }),
  ),
});

/** Files of weights beside the model's own, where it is too large for one. */
export function externalDataFiles(config: unknown, dtype: TextGenerationDtype): string[] {
  const parsed = v.safeParse(Config, config);
  const told = parsed.success ? parsed.output['transformers.js_config']?.use_external_data_format : undefined;
  const path = modelFile(dtype);
  const name = path.slice('onnx/'.length);
  const chunks = Number(typeof told === 'object' && told ? (told[name] ?? told['model'] ?? 0) : (told ?? 0));
  return Array.from({ length: Math.min(chunks, 100) }, (_, i) => `${path}_data${i === 0 ? '' : `_${i}`}`);
}

/** Sizes as the server's headers tell them. @throws AppError NOT_FOUND, and what `fetch` throws */
export async function measureRepository(
  repository: Repository,
  dtype: TextGenerationDtype,
  fetch: Fetch,
): Promise<TextGenerationDownload> {
  const response = await fetch(fileUrl(repository, 'config.json'));
  const config: unknown = response.status === 404 ? null : await response.json().catch(() => null);
  const files: TextGenerationDownload['files'] = [];
  for (const name of [...requiredFiles(dtype), ...externalDataFiles(config, dtype)]) {
    const bytes = await sizeOf(repository, name, fetch);
    if (bytes === undefined) {
      throw new AppError('NOT_FOUND', `${repository.id} (${repository.revision}) has no ${name}.`, {
        fix: 'Check name and revision, or choose another type of weights.',
      });
    }
    files.push({ name, bytes });
  }
  return { dtype, files, totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}
