/** A repository of the Hugging Face hub, or of a server with the same addresses, as a `ModelSource`. */
import * as v from 'valibot';
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { FileEntry } from '../../protocol/model-import';
import { failure, Retryable, statusFailure } from './http-errors';
import { HttpSource, type HttpTools } from './http-source';
import { HUGGING_FACE, type HubReference } from './hub-reference';
import type { ModelOrigin, ModelSource } from './model-source';

export interface HubSourceOptions extends HttpTools, HubReference {
  /** The hub's address. Default: https://huggingface.co */
  hub?: string;
  /** For gated and private repositories. Kept here alone, sent to the hub's own origin alone. */
  token?: string;
}

/** More than any repository's list of files. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;

const text = v.pipe(v.string(), v.maxLength(1000));
const ListSchema = v.object({
  sha: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{7,64}$/))),
  siblings: v.array(
    v.object({
      rfilename: text,
      size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
      blobId: v.nullish(text),
      lfs: v.nullish(v.object({ sha256: v.nullish(text), size: v.nullish(v.number()) })),
    }),
  ),
  tags: v.optional(v.array(text)),
  cardData: v.nullish(v.object({ license: v.fallback(v.nullish(text), undefined) })),
});

interface HubFile extends FileEntry {
  version: string | undefined;
}

export class HubSource implements ModelSource {
  readonly #options: HubSourceOptions;
  readonly #hub: string;
  #files: Map<string, HubFile> | undefined;
  #origin: ModelOrigin;

  /** @throws AppError BAD_INPUT for an address that is none, or that a token must not be sent to */
  constructor(options: HubSourceOptions) {
    this.#options = options;
    this.#hub = hubAddress(options.hub ?? HUGGING_FACE, options.token !== undefined);
    this.#origin = { name: `hf:${options.repository}` };
  }

  origin(): ModelOrigin {
    return this.#origin;
  }

  async list(signal?: AbortSignal): Promise<FileEntry[]> {
    const files = await this.#list(signal);
    return [...files.values()].map(({ path, bytes }) => ({ path, bytes }));
  }

  async open(path: string, signal?: AbortSignal): Promise<HttpSource> {
    const file = (await this.#list(signal)).get(path);
    const { repository, revision, token } = this.#options;
    if (!file) {
      throw failure(
        'NOT_FOUND',
        `${repository}/${path}`,
        'there is no such file',
        'Choose another model or revision.',
      );
    }
    // The commit, so that every range is of one version even if the branch moves on.
    const at = encodeURIComponent(this.#origin.revision ?? revision);
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const url = `${this.#hub}/${repository}/resolve/${at}/${encoded}`;
    return new HttpSource({ url, name: path, size: file.bytes, token, version: file.version }, this.#options);
  }

  async #list(signal: AbortSignal | undefined): Promise<Map<string, HubFile>> {
    if (this.#files) return this.#files;
    const { repository, revision } = this.#options;
    const url = `${this.#hub}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
    const { sha, siblings, tags = [], cardData } = parseList(repository, await this.#fetchList(url, signal));
    const files = new Map<string, HubFile>();
    for (const { rfilename: path, size, lfs, blobId } of siblings) {
      const bytes = size ?? lfs?.size;
      if (typeof bytes !== 'number' || !isPlainPath(path)) continue;
      files.set(path, { path, bytes, version: lfs?.sha256 ?? blobId ?? undefined });
    }
    const licence =
      cardData?.license ?? tags.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
    this.#origin = {
      name: `hf:${repository}`,
      revision: sha ?? revision,
      ...(licence && { licence }),
    };
    this.#files = files;
    return files;
  }

  async #fetchList(url: string, signal: AbortSignal | undefined): Promise<string> {
    const { clock, attempts = 5, backoffMs = 500 } = this.#options;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#tryList(url, signal);
      } catch (error) {
        throwIfAborted(signal);
        if (!(error instanceof Retryable)) throw error;
        if (failures >= attempts) throw error.failure;
        await clock.sleep(error.waitMs ?? backoffMs * 2 ** (failures - 1), signal);
      }
    }
  }

  async #tryList(url: string, signal: AbortSignal | undefined): Promise<string> {
    const { repository, token, stallMs = 30_000 } = this.#options;
    const limit = AbortSignal.timeout(stallMs);
    const either = signal ? AbortSignal.any([signal, limit]) : limit;
    let response: Response;
    let body: string;
    try {
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      response = await this.#options.fetch(url, { headers, signal: either });
      body = response.ok ? await readLimited(repository, response) : '';
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      const fix = 'Check the connection and the address of the hub, and try again.';
      const [code, what] = limit.aborted
        ? (['TIMEOUT', `the hub did not answer for ${Math.round(stallMs / 1000)} s`] as const)
        : (['NETWORK', 'there is no connection to the hub'] as const);
      throw new Retryable(failure(code, repository, what, fix, cause));
    }
    if (!response.ok) throw statusFailure(repository, response, token !== undefined);
    return body;
  }
}

async function readLimited(repository: string, response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let body = '';
  let bytes = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const step = await reader?.read();
    if (!step || step.done) return body + decoder.decode();
    bytes += step.value.length;
    if (bytes > MAX_LIST_BYTES) {
      void reader?.cancel();
      throw failure(
        'BAD_RESPONSE',
        repository,
        'the list of its files is too long',
        'Check the address of the hub.',
      );
    }
    body += decoder.decode(step.value, { stream: true });
  }
}

function parseList(repository: string, body: string): v.InferOutput<typeof ListSchema> {
  try {
    return v.parse(ListSchema, JSON.parse(body));
  } catch (cause) {
    const fix = 'Check the address of the hub.';
    throw failure('BAD_RESPONSE', repository, 'the answer is not a hub’s list of files', fix, cause);
  }
}

const isPlainPath = (path: string): boolean => /^(?!.*\.\.)[\w-][\w. -]*(\/[\w-][\w. -]*)*$/.test(path);

/** Without a slash at its end. */
function hubAddress(address: string, withToken: boolean): string {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new AppError('BAD_INPUT', `"${address.slice(0, 120)}" is not an address.`, {
      fix: `Write the hub's address, such as ${HUGGING_FACE}.`,
    });
  }
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (!['http:', 'https:'].includes(url.protocol) || (withToken && url.protocol === 'http:' && !loopback)) {
    throw new AppError(
      'BAD_INPUT',
      `${url.protocol}//${url.host} cannot be used${withToken ? ' with a token' : ''}.`,
      {
        fix: 'Give an https:// address.',
      },
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
