/**
 * `fetch` as a page of some origin has it: the same requests to real servers, with the rules that Node's `fetch` leaves out:
 * `Origin`, preflights, `Access-Control-Allow-*`, and `mode: 'no-cors'`, whose answer cannot be read.
 */

const SIMPLE_TYPES = ['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded'];
const SIMPLE_HEADERS = ['accept', 'accept-language', 'content-language', 'content-type', 'range'];

const failed = (): TypeError => new TypeError('Failed to fetch');

function allows(response: Response, origin: string): boolean {
  const allowed = response.headers.get('access-control-allow-origin');
  return allowed === '*' || allowed === origin;
}

function needsPreflight(method: string, headers: Headers): boolean {
  if (!['GET', 'HEAD', 'POST'].includes(method)) return true;
  const type = headers.get('content-type');
  return (
    [...headers.keys()].some((name) => !SIMPLE_HEADERS.includes(name)) ||
    (type !== null && !SIMPLE_TYPES.includes(type))
  );
}

export function corsFetch(pageOrigin: string): (input: string, init?: RequestInit) => Promise<Response> {
  return async (input, init = {}) => {
    if (new URL(input).origin === pageOrigin) return fetch(input, init);
    const { mode, ...rest } = init;
    const method = init.method ?? 'GET';
    const headers = new Headers(init.headers);
    if (mode === 'no-cors') {
      await fetch(input, rest);
      return new Response(null, { status: 200 });
    }
    const signal = init.signal ?? null;
    if (needsPreflight(method, headers)) {
      const names = [...headers.keys()].filter(
        (name) => !SIMPLE_HEADERS.includes(name) || name === 'content-type',
      );
      const preflight = await fetch(input, {
        method: 'OPTIONS',
        signal,
        headers: {
          origin: pageOrigin,
          'access-control-request-method': method,
          'access-control-request-headers': names.join(','),
        },
      });
      const allowed = (preflight.headers.get('access-control-allow-headers') ?? '').toLowerCase();
      const listed = allowed.split(',').map((name) => name.trim());
      // `*` does not cover Authorization.
      const covers = (name: string): boolean =>
        listed.includes(name) || (listed.includes('*') && name !== 'authorization');
      if (!preflight.ok || !allows(preflight, pageOrigin) || !names.every(covers)) throw failed();
    }
    headers.set('origin', pageOrigin);
    const response = await fetch(input, { ...rest, headers });
    if (!allows(response, pageOrigin)) {
      await response.body?.cancel();
      throw failed();
    }
    return response;
  };
}
