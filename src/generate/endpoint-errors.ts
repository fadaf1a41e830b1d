import * as v from 'valibot';
import { AppError, type ErrorCode } from '../protocol/errors';
import { redact, shownUrl } from './endpoint';

/** What is known about the request that failed. The key is here only to be taken out of the texts. */
export interface FailedRequest {
  baseUrl: string;
  model?: string;
  apiKey?: string | undefined;
}

const ErrorDocument = v.union([
  v.pipe(
    v.looseObject({
      error: v.looseObject({ message: v.string(), code: v.nullish(v.union([v.string(), v.number()])) }),
    }),
    v.transform(({ error }) => ({ message: error.message, code: String(error.code ?? '') })),
  ),
  v.pipe(
    v.looseObject({ error: v.string() }),
    v.transform(({ error }) => ({ message: error, code: '' })),
  ),
  v.pipe(
    v.looseObject({ message: v.string() }),
    v.transform(({ message }) => ({ message, code: '' })),
  ),
  v.pipe(
    v.looseObject({ detail: v.string() }),
    v.transform(({ detail }) => ({ message: detail, code: '' })),
  ),
]);

/** Reads the error documents of OpenAI, vLLM, llama.cpp, Ollama and FastAPI; other text is quoted from its beginning. */
export function readErrorBody(body: string): { message: string; code: string } {
  try {
    const parsed = v.safeParse(ErrorDocument, JSON.parse(body));
    if (parsed.success) return parsed.output;
  } catch {
    // not JSON: quoted below
  }
  return { message: body.replace(/\s+/g, ' ').trim(), code: '' };
}

const MAX_QUOTE = 300;

const TOO_LONG = /context[_ ](length|window|size)|maximum context|too many tokens|prompt is too long/i;

interface Verdict {
  code: ErrorCode;
  what: string;
  fix: string;
  recoverable?: boolean;
}

function verdict(status: number, server: { message: string; code: string }, request: FailedRequest): Verdict {
  const model = request.model === undefined ? 'the model' : `the model "${request.model}"`;
  if (status === 401 || status === 403) {
    return request.apiKey
      ? { code: 'AUTH', what: 'refused the key', fix: 'Check the key, and that it may use this model.' }
      : { code: 'AUTH', what: 'refused the request without a key', fix: 'Enter the key of this endpoint.' };
  }
  if (status === 402 || server.code === 'insufficient_quota') {
    return {
      code: 'PERMISSION',
      what: 'says that the account has no credit',
      fix: "Check the account's balance.",
    };
  }
  if (status === 404) {
    return {
      code: 'NOT_FOUND',
      what: `does not know this address or ${model}`,
      fix: 'Use "Test connection" to see its models.',
    };
  }
  if (status === 429) {
    return {
      code: 'RATE_LIMITED',
      what: 'asks to send fewer requests',
      fix: 'Wait a while and try again.',
      recoverable: true,
    };
  }
  if (status >= 500) {
    return {
      code: 'BAD_RESPONSE',
      what: 'failed',
      fix: "Look at the server's log, or try again later.",
      recoverable: true,
    };
  }
  if (TOO_LONG.test(`${server.code} ${server.message}`)) {
    return {
      code: 'CONTEXT_TOO_LONG',
      what: `says that the prompt is too long for ${model}`,
      fix: 'Show fewer documents a turn, or give the model a larger context window on the server.',
    };
  }
  // Browsers hide a redirect that is not followed behind status 0.
  if (status === 0 || (status >= 300 && status < 400)) {
    return {
      code: 'BAD_INPUT',
      what: 'redirects to another address',
      fix: 'Enter the final address of the endpoint.',
    };
  }
  return { code: 'BAD_INPUT', what: 'rejected the request', fix: 'Check the model and its settings.' };
}

/** The error for an answer whose status is not 2xx. */
export function statusError(status: number, body: string, request: FailedRequest): AppError {
  const server = readErrorBody(redact(body, request.apiKey));
  const { code, what, fix, recoverable } = verdict(status, server, request);
  const quote = server.message === '' ? '' : `: ${server.message.slice(0, MAX_QUOTE)}`;
  const shownStatus = status === 0 ? '' : ` (${status})`;
  return new AppError(code, `${shownUrl(request.baseUrl)} ${what}${shownStatus}${quote}`, {
    fix,
    recoverable: recoverable ?? false,
    context: {
      status,
      endpoint: shownUrl(request.baseUrl),
      ...(request.model !== undefined && { model: request.model }),
    },
  });
}

/** `fetch` failed before there was an answer. Browsers do not say why; the connection test finds out. */
export function unreachableError(request: FailedRequest): AppError {
  return new AppError('NETWORK', `${shownUrl(request.baseUrl)} could not be reached.`, {
    fix: 'Check that the server runs and lets this page in: "Test connection" tells what is missing.',
    recoverable: true,
    context: { endpoint: shownUrl(request.baseUrl) },
  });
}

/** The connection ended before the answer did. */
export function brokenStreamError(request: FailedRequest): AppError {
  return new AppError('NETWORK', `${shownUrl(request.baseUrl)} broke its answer off in the middle.`, {
    fix: "Try again; if it happens repeatedly, look at the server's log (it may run out of memory).",
    recoverable: true,
    context: { endpoint: shownUrl(request.baseUrl) },
  });
}

export function badResponse(
  request: FailedRequest,
  what: string,
  fix?: string,
  recoverable = false,
): AppError {
  // The key is taken out before the text is cut: half a key must not stay.
  const quoted = redact(what, request.apiKey).slice(0, MAX_QUOTE);
  return new AppError('BAD_RESPONSE', `${shownUrl(request.baseUrl)} ${quoted}`, {
    fix: fix ?? 'Check that the address is an OpenAI-compatible endpoint: it usually ends in /v1.',
    recoverable,
    context: { endpoint: shownUrl(request.baseUrl) },
  });
}
