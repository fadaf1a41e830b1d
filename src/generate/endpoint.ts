import { AppError } from '../protocol/errors';

export interface EndpointReference {
  /** Without a slash at the end; what the API's paths are appended to. */
  baseUrl: string;
  model: string;
}

const ADDRESS_FIX = 'Give an address such as http://localhost:11434/v1 or https://api.example.org/v1.';

/**
 * Cleans an address as people paste it: no slash at the end, no API path, no fragment. A name or password in the address is
 * refused, since addresses are shown, stored and shared.
 */
export function normaliseBaseUrl(address: string): string {
  let url: URL;
  try {
    url = new URL(address.trim());
  } catch {
    throw new AppError('BAD_INPUT', 'The address of the endpoint is not a URL.', { fix: ADDRESS_FIX });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new AppError(
      'BAD_INPUT',
      `The address of the endpoint begins with ${url.protocol}, not http: or https:.`,
      {
        fix: ADDRESS_FIX,
      },
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('BAD_INPUT', 'The address of the endpoint contains a name or a password.', {
      fix: 'Take them out of the address and enter the key in its own field.',
    });
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/(chat\/completions|completions|models)$/, '');
  return `${url.origin}${path}${url.search}`;
}

/** Appends an API path; a query in the base (some gateways want `?api-version=…`) stays at the end. */
export function endpointUrl(baseUrl: string, path: string): string {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url.href;
}

/** The address for messages and ids: without the query, which may carry what should not be shown. */
export function shownUrl(baseUrl: string): string {
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}

export const isEndpointReference = (reference: string): boolean => /^https?:\/\//i.test(reference);

/** Parses `http(s)://…/v1#model`. */
export function parseEndpointReference(reference: string): EndpointReference {
  const hash = reference.indexOf('#');
  const model = hash < 0 ? '' : reference.slice(hash + 1).trim();
  if (model === '') {
    throw new AppError('BAD_INPUT', 'The reference of the endpoint names no model.', {
      fix: 'Write the model after a #, for example http://localhost:11434/v1#qwen2.5:7b.',
    });
  }
  return { baseUrl: normaliseBaseUrl(reference.slice(0, hash)), model };
}

/** Removes a key from text that will be shown or stored; servers like to echo it. */
export function redact(text: string, apiKey: string | undefined): string {
  if (apiKey === undefined || apiKey === '') return text;
  return text.replaceAll(apiKey, '[key]').replaceAll(encodeURIComponent(apiKey), '[key]');
}

/** Request headers. A key that cannot be a header value is refused here, since the platform's own error would quote it. */
export function endpointHeaders(apiKey: string | undefined): Record<string, string> {
  if (apiKey === undefined || apiKey === '') return {};
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new AppError('AUTH', 'The key contains spaces or characters that no key has.', {
      fix: 'Copy the key again, without spaces and line breaks.',
    });
  }
  return { authorization: `Bearer ${apiKey}` };
}
