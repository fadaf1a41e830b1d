/** A pack on a static host: its manifest, its chunks whole and checked, and parts of its files. */
import { HttpSource, type HttpTools } from '../../lm/import/http-source';
import { AppError, throwIfAborted } from '../../protocol/errors';
import { PoliteClient } from '../remote/polite-client';
import { sha256Hex } from '../sha256';
import { requireOurEncoder } from './pack-encoder';
import {
  chunksOf,
  MAX_MANIFEST_BYTES,
  PACK_MANIFEST,
  packFile,
  parsePackManifest,
  type PackChunk,
  type PackFile,
  type PackManifest,
} from './pack-manifest';

/** Chunks of a file that are fetched while one is worked on. */
const AHEAD = 2;

export interface HttpPack {
  /** Of the folder, with a slash at the end. */
  readonly url: string;
  readonly manifest: PackManifest;
  /** sha256 of the manifest: it names every byte of the pack. */
  readonly hash: string;
  /** A chunk, its length and hash checked. */
  chunk(chunk: PackChunk, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** The chunks of a file by its name, in order, each checked; the next ones are fetched meanwhile. @throws AppError UNSUPPORTED where there is none */
  pieces(
    name: string,
    onBytes?: (bytes: number) => void,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** The same in one. */
  file(
    name: string,
    onBytes?: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes from the middle of a file, not checked by any hash. */
  range(file: PackFile, start: number, end: number, options?: RangeOptions): Promise<Uint8Array>;
}

export interface RangeOptions {
  /** Whether a host that sends whole files is refused with `BAD_RESPONSE`. Default: a chunk comes for each part of it. */
  partsOnly?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** The pack's folder, whether the folder, the manifest or an address without its slash was given. @throws AppError BAD_INPUT */
export function packFolder(address: string): string {
  const bad = (why: string): AppError =>
    new AppError('BAD_INPUT', `This is no address of an index: ${why}.`, {
      fix: 'Give the http or https address of a folder that `s3 index build` made.',
    });
  if (!URL.canParse(address.trim())) throw bad('it cannot be read');
  const url = new URL(address.trim());
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw bad('it is not http or https');
  if (url.username !== '' || url.password !== '') throw bad('it carries a password');
  url.hash = '';
  url.search = '';
  if (url.pathname.endsWith(`/${PACK_MANIFEST}`)) url.pathname = url.pathname.slice(0, -PACK_MANIFEST.length);
  else if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}

/** The same failures, told to somebody who opens a pack and not a model. */
export function packError(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const fix = {
    NOT_FOUND: 'Check the address: it must be that of the folder, and its files must lie there.',
    AUTH: 'Packs are read without a key: they must be public.',
    BAD_RESPONSE:
      'The host must serve the files as they are, and parts of them by range; or fetch the pack whole.',
    INTEGRITY: 'The pack was changed or damaged on its host: each build needs a folder of its own.',
  }[error.code as string];
  if (fix === undefined) return error;
  const { code, message, recoverable, context } = error;
  return new AppError(code, message, { fix, recoverable, cause: error, ...(context && { context }) });
}

async function fetchManifest(
  url: string,
  tools: HttpTools,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const client = new PoliteClient({
    ...tools,
    intervalMs: () => 0,
    name: new URL(url).host,
    maxBytes: MAX_MANIFEST_BYTES,
    notFound: 'There is no index at this address. Give that of a folder that `s3 index build` made.',
    ...(tools.stallMs !== undefined && { timeoutMs: tools.stallMs }),
  });
  return new TextEncoder().encode(await client.text(`${url}${PACK_MANIFEST}`, signal));
}

/**
 * Reads the manifest, nothing else.
 * @throws AppError BAD_INPUT, NOT_FOUND, NETWORK, TIMEOUT, RATE_LIMITED · INTEGRITY, UNSUPPORTED: another format, or made with an encoder
 *   or an analyzer that is not ours, with the reason
 */
export async function openHttpPack(
  address: string,
  tools: HttpTools,
  signal?: AbortSignal,
): Promise<HttpPack> {
  throwIfAborted(signal);
  const url = packFolder(address);
  const bytes = await fetchManifest(url, tools, signal);
  const manifest = parsePackManifest(bytes);
  requireOurEncoder(manifest);
  return httpPack(url, manifest, await sha256Hex(bytes), tools);
}

function httpPack(url: string, manifest: PackManifest, hash: string, tools: HttpTools): HttpPack {
  async function read(chunk: PackChunk, start: number, length: number, options: RangeOptions) {
    const { signal, partsOnly = false } = options;
    const file = { url: `${url}${chunk.path}`, name: chunk.path, size: chunk.bytes };
    const from = new HttpSource(file, { ...tools, partsOnly, leastWindow: length });
    try {
      return await from.read(start, length, signal);
    } catch (error) {
      throw packError(error);
    } finally {
      from.close();
    }
  }

  async function chunk(one: PackChunk, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(await read(one, 0, one.bytes, { signal }));
    if ((await sha256Hex(bytes)) === one.sha256) return bytes;
    throw packError(
      new AppError('INTEGRITY', `${one.path} is not what the manifest says: its hash differs.`),
    );
  }

  async function* pieces(name: string, onBytes?: (bytes: number) => void, signal?: AbortSignal) {
    const file = packFile(manifest, name);
    if (!file) {
      throw new AppError('UNSUPPORTED', `This index has no ${name}.`, {
        fix: 'Build it again with what is missing, or search it in another way.',
      });
    }
    const stop = new AbortController();
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const waiting = chunksOf(file).values();
    const coming: Promise<Uint8Array<ArrayBuffer>>[] = [];
    try {
      for (;;) {
        while (coming.length <= AHEAD) {
          const next = waiting.next();
          if (next.done) break;
          const fetching = chunk(next.value, either);
          // Whoever waits for it hears of its failure; until then nobody does.
          fetching.catch(() => undefined);
          coming.push(fetching);
        }
        const piece = await coming.shift();
        if (!piece) return;
        onBytes?.(piece.length);
        yield piece;
      }
    } finally {
      // Of those that nobody wants any more.
      stop.abort();
    }
  }

  return {
    ...{ url, manifest, hash, chunk, pieces },
    async file(name, onBytes, signal) {
      // Grows with what has come: a manifest that promises much must deliver before it is believed.
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for await (const piece of pieces(name, onBytes, signal)) parts.push(piece);
      const [only] = parts;
      return parts.length === 1 && only ? only : joined(parts, packFile(manifest, name)?.bytes ?? 0);
    },
    async range(file, start, end, options = {}) {
      const out = new Uint8Array(end - start);
      for (const one of chunksOf(file)) {
        const [from, to] = [Math.max(start, one.offset), Math.min(end, one.offset + one.bytes)];
        if (from >= to) continue;
        out.set(await read(one, from - one.offset, to - from, options), from - start);
      }
      return out;
    },
  };
}

export function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
