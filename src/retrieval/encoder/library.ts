/** Settings of `@huggingface/transformers` that every load needs, whatever is loaded. They are global: loads must not overlap. */
import type { EncoderPlatform, TransformersLibrary } from '../../protocol/encoder';
import type { Fetch } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';

export const HUB = 'https://huggingface.co/';

/** Where the files of one load are. */
export interface LibraryLocation {
  /** With the page, in the platform's `localModels`. */
  local: boolean;
  revision: string;
  /** A hub, with a slash at the end. */
  remoteHost: string;
}

export function configureLibrary(
  library: TransformersLibrary,
  platform: EncoderPlatform,
  { local, revision, remoteHost }: LibraryLocation,
  fetch: Fetch,
): void {
  const { env } = library;
  // What comes with the page is asked for like a hub's: a failed request for a "local" file counts for the library as "there is
  // none", and it remembers that of the tokenizer for ever. Only a folder on disk is local to it.
  const folder = local && !/^https?:\/\//.test(platform.localModels);
  env.allowLocalModels = folder;
  env.allowRemoteModels = !folder;
  env.localModelPath = platform.localModels;
  env.remoteHost = local ? platform.localModels : remoteHost;
  // The library looks for the tokenizer's files at `main` whatever revision it is told; so the path names it.
  env.remotePathTemplate = local ? '{model}/' : `{model}/resolve/${encodeURIComponent(revision)}/`;
  // What comes with the page changes with the page: a cached copy would outlive it. Downloads are kept.
  env.useBrowserCache = !local && typeof caches !== 'undefined';
  env.useFSCache = !folder && platform.cacheDir !== undefined;
  if (platform.cacheDir !== undefined) env.cacheDir = platform.cacheDir;
  // It would import ONNX Runtime from a blob: URL, which the security policy of the page refuses.
  env.useWasmCache = false;
  env.logLevel = library.LogLevel.ERROR;
  env.fetch = (input: string | URL, init?: RequestInit) => fetch(String(input), init);
}

let loads = 0;

/**
 * The library joins a load to one of the same file that is still under way, and so to one that is just being aborted. It tells files apart
 * by this option, among others; a path means the same with more slashes at its end.
 */
export const ownCacheDir = (cacheDir: string | undefined): string => (cacheDir ?? '') + '/'.repeat(++loads);

/** What `work` gives, or the `ABORTED` error as soon as the signal fires; the work itself goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new AppError('ABORTED', 'Stopped.', { recoverable: true }));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
