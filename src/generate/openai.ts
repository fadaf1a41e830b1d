/**
 * Any OpenAI-compatible endpoint as a `LanguageModel`. Streams; retries what may pass (429, 5xx, broken connections) as long as
 * no text was handed out; stops on abort and on silence. The key comes from the caller, goes into one header of requests to
 * one address, and appears nowhere else.
 */
import { StopStrings } from '../lm/text/stop-strings';
import type { Clock, Fetch } from '../protocol/clock';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest, LanguageModel } from '../protocol/language-model';
import { endpointHeaders, endpointUrl, normaliseBaseUrl, shownUrl } from './endpoint';
import {
  brokenStreamError,
  readErrorBody,
  statusError,
  unreachableError,
  type FailedRequest,
} from './endpoint-errors';
import { readParts } from './openai-stream';
import { adapt, defaultQuirks, estimateUsage, outgoingRequest, type AnswerPart } from './openai-wire';
import { DEFAULT_RETRIES, parseRetryAfter, Retryable, withRetries, type RetryPolicy } from './retry';
import { StallGuard } from './stall-guard';

export interface OpenAiModelOptions {
  /** `https://host/v1`; pasted forms are cleaned by `normaliseBaseUrl`. */
  baseUrl: string;
  model: string;
  /** A function is asked at every request, so that a forgotten key is forgotten at once. */
  apiKey?: string | (() => string | undefined);
  fetch: Fetch;
  clock: Clock;
  /** Uniform in [0, 1), for the jitter of retries. */
  random: () => number;
  retry?: Partial<RetryPolicy>;
  /** How long the endpoint may be silent before its first byte; it may have to load the model. Default 120 s. */
  firstByteTimeoutMs?: number;
  /** How long it may be silent afterwards. Default 60 s. */
  stallTimeoutMs?: number;
}

/**
 * Errors: `AUTH`, `NOT_FOUND` (model or address), `RATE_LIMITED`, `CONTEXT_TOO_LONG`, `BAD_INPUT` (other 4xx), `BAD_RESPONSE` (5xx, not
 * a completion), `NETWORK` (unreachable, broken off), `TIMEOUT` (silence), `PERMISSION` (no credit), `ABORTED`.
 * The endpoint's own context limit holds; `maxContextTokens` cannot be enforced without its tokenizer.
 */
export function createOpenAiModel(options: OpenAiModelOptions): LanguageModel {
  const { fetch, clock, random, model } = options;
  const baseUrl = normaliseBaseUrl(options.baseUrl);
  const policy: RetryPolicy = { ...DEFAULT_RETRIES, ...options.retry };
  const firstByteMs = options.firstByteTimeoutMs ?? 120_000;
  const stallMs = options.stallTimeoutMs ?? 60_000;
  const quirks = defaultQuirks();

  async function send(
    request: GenerateRequest,
    about: FailedRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      ...endpointHeaders(about.apiKey),
    };
    for (;;) {
      const { path, body } = outgoingRequest(request, model, quirks);
      const response = await fetch(endpointUrl(baseUrl, path), {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal,
        // The key must not follow a redirect, and nothing of this page goes along.
        redirect: 'manual',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      });
      if (response.ok) return response;
      const text = await response.text();
      const refused = response.status === 400 || response.status === 422;
      if (refused && adapt(quirks, readErrorBody(text).message)) continue;
      const error = statusError(response.status, text, about);
      if (!error.recoverable) throw error;
      throw new Retryable(error, parseRetryAfter(response.headers.get('retry-after'), Date.now()));
    }
  }

  async function* attempt(
    request: GenerateRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<GenerateEvent> {
    const apiKey = typeof options.apiKey === 'function' ? options.apiKey() : options.apiKey;
    const about: FailedRequest = { baseUrl, model, apiKey };
    const guard = new StallGuard(clock, firstByteMs, signal);
    const stops = new StopStrings(request.stop ?? [], request.keepStop ?? false);
    const startedAt = clock.now();
    let firstTextAt: number | undefined;
    let answered = false;
    let text = '';
    let last: AnswerPart = { text: '' };
    try {
      const response = await send(request, about, guard.signal);
      answered = true;
      guard.alive(stallMs);
      for await (const part of readParts(response, about, () => guard.alive(stallMs))) {
        last = { ...last, ...part };
        const { text: piece, stopped } = stops.push(part.text);
        if (part.text !== '') firstTextAt ??= clock.now();
        text += piece;
        if (piece !== '' || part.tokens) {
          yield { type: 'delta', text: piece, ...(part.tokens && { tokens: part.tokens }) };
        }
        if (stopped === undefined) continue;
        last.finish = 'stop';
        break;
      }
      const held = stops.flush();
      text += held;
      if (held !== '') yield { type: 'delta', text: held };
    } catch (error) {
      throwIfAborted(signal);
      if (guard.reason) throw guard.reason;
      if (error instanceof AppError || error instanceof Retryable) throw error;
      // What `fetch` and body readers throw by themselves: no connection, or a broken one.
      throw new Retryable(answered ? brokenStreamError(about) : unreachableError(about));
    } finally {
      guard.end();
    }
    const endedAt = clock.now();
    const usage = {
      ...(last.usage ?? estimateUsage(request, text)),
      prefillMs: (firstTextAt ?? endedAt) - startedAt,
      decodeMs: endedAt - (firstTextAt ?? endedAt),
    };
    yield { type: 'done', text, finishReason: last.finish ?? 'eos', usage };
  }

  return {
    id: `${shownUrl(baseUrl)}#${model}`,
    async *generate(request, signal): AsyncGenerator<GenerateEvent> {
      throwIfAborted(signal);
      yield* withRetries(() => attempt(request, signal), { policy, clock, random, signal });
    },
    /** An estimate: the endpoint's tokenizer is not at hand. */
    countTokens: (texts) => Promise.resolve(texts.map((text) => Math.ceil(text.length / 4))),
  };
}
