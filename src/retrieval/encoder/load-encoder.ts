import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
import type { EncoderDevice } from '../../protocol/corpus';
import type { EncoderDownload, EncoderPlatform, EncoderRequest } from '../../protocol/encoder';
import type { OnProgress } from '../../protocol/retrieval';
import { encoderFiles, resolveEncoder } from './catalog';
import { E5Encoder } from './e5-encoder';
import { HUB } from './library';
import { createModelFetch } from './model-fetch';
import { loadTransformersModel } from './transformers-model';

export interface LoadOptions {
  /** A mirror of the hub, or a loopback one in tests; with a slash at the end. */
  remoteHost?: string | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  /** See `ModelFetchOptions`. */
  stallMs?: number | undefined;
}

/** With a slash at the end. */
const hubOf = ({ hub }: EncoderRequest, { remoteHost }: LoadOptions): string =>
  (hub ?? remoteHost ?? HUB).replace(/\/*$/, '/');

/**
 * Loads an encoder: WebGPU where it is of use, WASM otherwise; `info.device` and `info.reason` say which and why.
 * The library's settings are global, so loads must not overlap (`EncoderHost` sees to that).
 */
export async function loadEncoder(
  request: EncoderRequest,
  platform: EncoderPlatform,
  options: LoadOptions = {},
): Promise<E5Encoder> {
  const { signal, onProgress, stallMs } = options;
  throwIfAborted(signal);
  const spec = resolveEncoder(request);
  const wanted = request.device ?? 'auto';
  const refusal = wanted === 'wasm' ? null : await platform.refuseWebGpu(wanted === 'webgpu');
  if (wanted === 'webgpu' && refusal !== null) {
    throw new AppError('UNSUPPORTED', `The encoder cannot run on WebGPU: ${refusal}`, {
      fix: 'Choose WASM for the encoder.',
    });
  }
  const library = await platform.importLibrary();
  const location = { spec, remoteHost: hubOf(request, options) };
  const fetch = createModelFetch({
    fetch: platform.fetch,
    clock: platform.clock,
    signal,
    onProgress,
    required: encoderFiles(spec.dtype),
    ...(stallMs === undefined ? {} : { stallMs }),
  });

  const start = async (device: EncoderDevice, reason: string | null): Promise<E5Encoder> => {
    const { model, dimensions } = await loadTransformersModel(library, platform, location, device, fetch);
    const { id, revision, dtype } = spec;
    const info = { model: id, revision, dtype, dimensions, device, ...(reason === null ? {} : { reason }) };
    const encoder = new E5Encoder(model, info, platform.clock);
    try {
      throwIfAborted(signal);
      await encoder.warmUp();
      return encoder;
    } catch (error) {
      await encoder.dispose();
      throw error;
    }
  };

  if (wanted === 'wasm' || refusal !== null) return start('wasm', refusal);
  try {
    return await start('webgpu', null);
  } catch (error) {
    // What is wrong with the files or the network would be wrong with WASM, too.
    const fatal = error instanceof AppError && !['DEVICE_LOST', 'BAD_RESPONSE'].includes(error.code);
    if (wanted === 'webgpu' || fatal || isAbort(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    return start('wasm', `WebGPU failed: ${message}`);
  }
}

/** The sizes of what `loadEncoder` would download, from the server's headers. */
export async function measureEncoder(
  request: EncoderRequest,
  platform: Pick<EncoderPlatform, 'fetch' | 'clock' | 'localModels'>,
  options: LoadOptions = {},
): Promise<EncoderDownload> {
  const { repository, id, revision, dtype } = resolveEncoder(request);
  const fetch = createModelFetch({ fetch: platform.fetch, clock: platform.clock, signal: options.signal });
  const base =
    repository === null
      ? `${platform.localModels}${id}/`
      : `${hubOf(request, options)}${repository}/resolve/${encodeURIComponent(revision)}/`;
  const files: EncoderDownload['files'] = [];
  for (const name of encoderFiles(dtype)) {
    const response = await fetch(base + name, { method: 'HEAD' });
    if (response.status === 404) {
      throw new AppError('NOT_FOUND', `${repository ?? id} has no ${name} at revision ${revision}.`, {
        fix: 'Check the name, the revision and the dtype.',
      });
    }
    files.push({ name, bytes: Number(response.headers.get('content-length') ?? 0) });
  }
  return { files, totalBytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}
