/** Requests to a retrieval server: its key in the header that it reads, its limits kept, its answers checked before they are used. */
import * as v from 'valibot';
import type { Clock, Fetch } from '../../protocol/clock';
import type { RemoteKind, RemoteLink } from '../../protocol/corpus';
import { AppError, toEnvelope } from '../../protocol/errors';
import { PoliteClient, type PoliteRequest } from './polite-client';

export interface RemoteTools {
  fetch: Fetch;
  clock: Clock;
  /** Asked for at every request; kept in memory alone, by whoever answers. */
  key?: (() => string | undefined) | undefined;
  random?: (() => number) | undefined;
}

const DEFAULTS = { requestsPerSecond: 20, timeoutMs: 30_000, retries: 3 };
/** A thousand passages of a thousand words. */
const MAX_ANSWER_BYTES = 32 * 2 ** 20;

export const ENGINE_NAMES: Readonly<Record<RemoteKind, string>> = {
  retrieve: 'The retrieval server',
  qdrant: 'Qdrant',
  opensearch: 'OpenSearch',
  elasticsearch: 'Elasticsearch',
};

const NOT_FOUND: Readonly<Record<RemoteKind, string>> = {
  retrieve: 'Check the address: there must be a POST /retrieve, as of s3, Search-R1 or `s3 serve`.',
  qdrant: 'Check the address and the name of the collection; `s3 index push` makes one.',
  opensearch: 'Check the address and the name of the index; `s3 index push` makes one.',
  elasticsearch: 'Check the address and the name of the index; `s3 index push` makes one.',
};

/** Browsers do not tell a server that is not there from one that does not let the page in. */
const UNREACHABLE: Readonly<Record<RemoteKind, string>> = {
  retrieve:
    'See that it runs. For use in a page it must answer with CORS headers: `s3 serve --cors ORIGIN` does; the servers of s3 and Search-R1 need a proxy.',
  qdrant: 'See that it runs, and that service.enable_cors is on, as it is by default.',
  opensearch:
    'See that it runs. For use in a page, http.cors.enabled and http.cors.allow-origin must let it in.',
  elasticsearch:
    'See that it runs. For use in a page, http.cors.enabled and http.cors.allow-origin must let it in.',
};

/** A name with a colon is a user with a password, as both Lucene engines have them; else it is an API key. */
const basic = (key: string): string =>
  key.includes(':')
    ? `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(key)))}`
    : `ApiKey ${key}`;

const KEY_HEADERS: Readonly<Record<RemoteKind, (key: string) => Record<string, string>>> = {
  retrieve: (key) => ({ authorization: `Bearer ${key}` }),
  qdrant: (key) => ({ 'api-key': key }),
  opensearch: (key) => ({ authorization: basic(key) }),
  elasticsearch: (key) => ({ authorization: basic(key) }),
};

export class RemoteClient {
  readonly #link: RemoteLink;
  readonly #tools: RemoteTools;
  readonly #polite: PoliteClient;

  constructor(link: RemoteLink, tools: RemoteTools) {
    this.#link = link;
    this.#tools = tools;
    const { requestsPerSecond, timeoutMs, retries } = { ...DEFAULTS, ...link.limits };
    this.#polite = new PoliteClient({
      fetch: tools.fetch,
      clock: tools.clock,
      random: tools.random,
      intervalMs: () => 1000 / Math.max(requestsPerSecond, 0.01),
      name: ENGINE_NAMES[link.kind],
      secret: tools.key,
      retries: { retries, baseMs: 500, maxMs: 8_000, maxRetryAfterMs: 60_000 },
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
      notFound: NOT_FOUND[link.kind],
    });
  }

  /**
   * Sends JSON (or text that is given as such), and gives back what the schema finds in the answer.
   * @throws AppError NETWORK, TIMEOUT, RATE_LIMITED, AUTH, NOT_FOUND, BAD_INPUT, BAD_RESPONSE, ABORTED
   */
  async send<T extends v.GenericSchema>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: unknown,
    schema: T,
    signal?: AbortSignal,
  ): Promise<v.InferOutput<T>> {
    const answer = await this.#json(method, path, body, signal);
    const result = v.safeParse(schema, answer);
    if (result.success) return result.output;
    const [issue] = result.issues;
    const told = `${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`;
    throw new AppError(
      'BAD_RESPONSE',
      `${ENGINE_NAMES[this.#link.kind]} answered in another form (${told}).`,
      {
        fix: 'Check that the address is that of such a server, and its version.',
      },
    );
  }

  async #json(
    method: PoliteRequest['method'],
    path: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const { kind, url } = this.#link;
    const key = this.#tools.key?.();
    const lines = typeof body === 'string';
    const request: PoliteRequest = {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': lines ? 'application/x-ndjson' : 'application/json' }),
        ...(key !== undefined && key !== '' && KEY_HEADERS[kind](key)),
      },
      ...(body !== undefined && { body: lines ? body : JSON.stringify(body) }),
    };
    try {
      return await this.#polite.json(`${url}${path}`, signal, request);
    } catch (error) {
      const { code, message } = toEnvelope(error);
      if (code !== 'NETWORK') throw error;
      throw new AppError('NETWORK', message, { fix: UNREACHABLE[kind], recoverable: true, cause: error });
    }
  }
}
