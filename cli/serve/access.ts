/**
 * Who may use the server. It listens on loopback, where every page in the user's browser can reach it: so it answers only to names
 * of this machine (a foreign name that resolves here is DNS rebinding), and to pages of other origins only if they were allowed.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { ApiError } from './api-error';

export interface AccessRules {
  /** What the server listens on. */
  host: string;
  apiKey?: string | undefined;
  /** Origins whose pages may use it, such as `http://127.0.0.1:5173`; `*` is every page. */
  origins: readonly string[];
}

/** Addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** The name in a `Host` header, without its port; undefined where there is none that can be read. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s/@]+)(?::\d{1,5})?$/i.exec(header ?? '');
  return match?.[1];
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class Access {
  readonly #rules: AccessRules;

  constructor(rules: AccessRules) {
    this.#rules = rules;
  }

  /**
   * Checks name and origin, and sets the headers by which a browser lets an allowed page read the answer.
   * @throws ApiError 403
   */
  admit({ headers }: IncomingMessage, response: ServerResponse): void {
    const name = hostName(headers.host);
    if (isLoopback(this.#rules.host) && (name === undefined || !isLoopback(name))) {
      throw new ApiError(403, 'This server answers only to localhost and 127.0.0.1.', {
        code: 'host_not_allowed',
      });
    }
    response.setHeader('vary', 'origin');
    const { origin } = headers;
    if (origin === undefined) return;
    const { origins } = this.#rules;
    if (!origins.includes('*') && !origins.includes(origin)) {
      const shown = /^[\w.:/[\]-]{1,200}$/.test(origin) ? origin : 'that origin';
      throw new ApiError(403, `Pages of ${shown} may not use this server; start it with --cors ${shown}.`, {
        code: 'origin_not_allowed',
      });
    }
    response.setHeader('access-control-allow-origin', origin);
  }

  /** Answers a browser's question before the real request, also the one about reaching a private network. */
  preflight({ headers }: IncomingMessage, response: ServerResponse): void {
    const asked = headers['access-control-request-headers'] ?? '';
    const names = /^[\w-]+(\s*,\s*[\w-]+)*$/.test(asked) ? asked : 'authorization, content-type';
    response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS');
    response.setHeader('access-control-allow-headers', names);
    response.setHeader('access-control-max-age', '600');
    if (headers['access-control-request-private-network'] === 'true') {
      response.setHeader('access-control-allow-private-network', 'true');
    }
    response.writeHead(204).end();
  }

  /** @throws ApiError 401 where a key is demanded and not given */
  authorise({ headers }: IncomingMessage): void {
    const { apiKey } = this.#rules;
    if (apiKey === undefined) return;
    const given = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    // Digests have one length, whatever was sent, and are compared in one time.
    if (given !== undefined && timingSafeEqual(digest(given), digest(apiKey))) return;
    throw new ApiError(
      401,
      given === undefined ? 'This server wants an API key.' : 'The API key is not right.',
      {
        code: 'invalid_api_key',
        headers: { 'www-authenticate': 'Bearer' },
      },
    );
  }
}
