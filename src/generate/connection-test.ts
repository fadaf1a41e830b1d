/**
 * "Test connection": finds out whether an endpoint can be used, and if not, why not and what to do. `reachability.ts` tells
 * apart what browsers throw together.
 */
import * as v from 'valibot';
import type { Clock, Fetch } from '../protocol/clock';
import type { LocalNetworkPermission, ProbeResult } from '../protocol/connection';
import { AppError, throwIfAborted, type ErrorCode } from '../protocol/errors';
import { endpointHeaders, endpointUrl, normaliseBaseUrl, redact, shownUrl } from './endpoint';
import { statusError } from './endpoint-errors';
import { createOpenAiModel } from './openai';
import { addressSpace, corsFinding, whyUnreadable, type ReachabilityFinding } from './reachability';
import type { ServerCommand } from './server-commands';

export interface ConnectionTestOptions {
  baseUrl: string;
  apiKey?: string;
  /** With a model, one token is generated: the only proof of key and model that every server gives. */
  model?: string;
  fetch: Fetch;
  clock: Clock;
  /** `location.origin`; undefined outside a browser, where there is no CORS. */
  pageOrigin?: string;
  /** `isSecureContext`. Default true. */
  isSecureContext?: boolean;
  /** Default: a plain `no-cors` request, which is right unless the page is isolated (COEP). */
  probe?: (url: string, signal: AbortSignal) => Promise<ProbeResult>;
  /** The state of the browser's permission for the local network; undefined where the browser has none. */
  permission?: (target: 'loopback' | 'local') => Promise<LocalNetworkPermission | undefined>;
  signal?: AbortSignal;
  /** For the list of models. Default 10 s. */
  timeoutMs?: number;
  /** For the one token; the server may have to load the model first. Default 120 s. */
  modelTimeoutMs?: number;
}

export type ConnectionVerdict =
  | ReachabilityFinding['verdict']
  | 'ok'
  | 'bad-address'
  | 'auth'
  | 'not-openai'
  | 'no-model'
  | 'timeout'
  | 'failed';

export interface ConnectionReport {
  ok: boolean;
  verdict: ConnectionVerdict;
  /** What is so, in one sentence. */
  message: string;
  /** What to do; empty where nothing is to be done. May have several lines. */
  fix: string;
  /** The commands in `fix`, to copy. */
  commands: ServerCommand[];
  /** What the endpoint offers, as far as it says. */
  models: string[];
  /** Things that work and are still worth knowing. */
  warnings: string[];
  tookMs: number;
}

type Finding = Pick<ConnectionReport, 'verdict' | 'message' | 'fix'> & Partial<ConnectionReport>;

const Models = v.looseObject({ data: v.array(v.looseObject({ id: v.string() })) });

/** @throws AppError ABORTED; everything else is a report */
export async function testConnection(options: ConnectionTestOptions): Promise<ConnectionReport> {
  const startedAt = options.clock.now();
  const finding = await examine(options).catch((error: unknown) => {
    throwIfAborted(options.signal);
    if (error instanceof AppError) return describe(error);
    throw error;
  });
  throwIfAborted(options.signal);
  return {
    ...{ commands: [], models: [], warnings: [] },
    ...finding,
    ok: finding.verdict === 'ok',
    tookMs: options.clock.now() - startedAt,
  };
}

const VERDICTS: Partial<Record<ErrorCode, ConnectionVerdict>> = {
  AUTH: 'auth',
  NOT_FOUND: 'no-model',
  TIMEOUT: 'timeout',
};

const describe = ({ code, message, fix }: AppError): Finding => ({
  verdict: VERDICTS[code] ?? 'failed',
  message,
  fix,
});

async function examine(options: ConnectionTestOptions): Promise<Finding> {
  let baseUrl: string;
  try {
    baseUrl = normaliseBaseUrl(options.baseUrl);
  } catch (error) {
    if (error instanceof AppError) return { ...describe(error), verdict: 'bad-address' };
    throw error;
  }
  const url = new URL(baseUrl);
  const warnings = warningsFor(url, options);
  const listed = await listModels(baseUrl, options);
  if ('finding' in listed) return { ...listed.finding, warnings };
  const { models } = listed;
  const { model } = options;
  if (model === undefined || model === '') {
    return { verdict: 'ok', message: foundModels(baseUrl, models), fix: 'Choose a model.', models, warnings };
  }
  if (models.length > 0 && !models.some((id) => sameModel(id, model))) {
    const some = models.slice(0, 8).join(', ');
    return {
      verdict: 'no-model',
      message: `${shownUrl(baseUrl)} does not offer "${model}".`,
      fix: `Choose one of its models: ${some}${models.length > 8 ? ', …' : ''}.`,
      models,
      warnings,
    };
  }
  const finding = await generateOneToken(baseUrl, model, options);
  return { ...finding, models, warnings };
}

/** Ollama lists `name:latest` for what is asked for as `name`. */
const sameModel = (listed: string, wanted: string): boolean =>
  listed === wanted || listed === `${wanted}:latest`;

const foundModels = (baseUrl: string, models: string[]): string =>
  models.length === 0
    ? `${shownUrl(baseUrl)} answers, but does not list its models.`
    : `${shownUrl(baseUrl)} answers and offers ${models.length === 1 ? 'one model' : `${models.length} models`}.`;

function warningsFor(url: URL, { apiKey, model }: ConnectionTestOptions): string[] {
  const warnings: string[] = [];
  const space = addressSpace(url.hostname);
  if (apiKey && url.protocol === 'http:' && space !== 'loopback') {
    warnings.push('The key is sent unencrypted: everybody on the way can read it. Use https.');
  }
  if (space === 'public') warnings.push(`Questions and documents leave this machine, to ${url.host}.`);
  if (apiKey && !model) warnings.push('The key is only proved by a test with a model.');
  return warnings;
}

type Listed = { models: string[] } | { finding: Finding };

async function listModels(baseUrl: string, options: ConnectionTestOptions): Promise<Listed> {
  const { apiKey, signal } = options;
  const answer = await ask(endpointUrl(baseUrl, '/models'), options, endpointHeaders(apiKey));
  if (answer === 'timeout') {
    return {
      finding: {
        verdict: 'timeout',
        message: `${shownUrl(baseUrl)} accepts the connection but does not answer.`,
        fix: 'Check that the server has finished starting, and that host and port are right.',
      },
    };
  }
  if (answer === 'unreadable') return { finding: await whyUnreadable(baseUrl, options) };
  throwIfAborted(signal);
  const { status, text } = answer;
  const about = { baseUrl, apiKey, ...(options.model !== undefined && { model: options.model }) };
  // Ollama's answer to a foreign origin. A browser shows it as a CORS failure; this is for everything else.
  if (status === 403 && text === '' && options.pageOrigin !== undefined) {
    return { finding: corsFinding(baseUrl, options.pageOrigin) };
  }
  // Some servers have no list, and some gateways want a model in every path: then the model decides.
  if (status === 404 || status === 405) {
    const elsewhere = await suggestAddress(baseUrl, options);
    if (elsewhere) return { finding: elsewhere };
    return options.model ? { models: [] } : { finding: notOpenAi(baseUrl, `answers with status ${status}`) };
  }
  if (status < 200 || status >= 300) return { finding: describe(statusError(status, text, about)) };
  const models = parseModels(text);
  if (models) return { models };
  const elsewhere = await suggestAddress(baseUrl, options);
  return { finding: elsewhere ?? notOpenAi(baseUrl, 'answers with something that is no list of models') };
}

function parseModels(text: string): string[] | undefined {
  try {
    const parsed = v.safeParse(Models, JSON.parse(text));
    return parsed.success ? parsed.output.data.map(({ id }) => id) : undefined;
  } catch {
    return undefined; // not JSON, so no list
  }
}

const notOpenAi = (baseUrl: string, what: string): Finding => ({
  verdict: 'not-openai',
  message: `${shownUrl(baseUrl)} ${what}: it is not an OpenAI-compatible endpoint.`,
  fix: 'Check the address; it usually ends in /v1.',
});

/** The commonest mistake is an address without `/v1`. */
async function suggestAddress(baseUrl: string, options: ConnectionTestOptions): Promise<Finding | undefined> {
  const better = `${new URL(baseUrl).origin}/v1`;
  if (baseUrl === better) return undefined;
  const answer = await ask(endpointUrl(better, '/models'), options, endpointHeaders(options.apiKey));
  if (typeof answer === 'string' || !parseModels(answer.text)) return undefined;
  return {
    verdict: 'not-openai',
    message: `${shownUrl(baseUrl)} is not the address of the API, but ${better} is.`,
    fix: `Enter ${better}.`,
  };
}

type Answer = { status: number; text: string } | 'unreadable' | 'timeout';

/** One GET. Whatever goes wrong before there is an answer is `unreadable`. */
async function ask(
  url: string,
  options: ConnectionTestOptions,
  headers: Record<string, string>,
): Promise<Answer> {
  const { fetch, clock, signal, timeoutMs = 10_000 } = options;
  const stop = new AbortController();
  const ended = new AbortController();
  const forward = (): void => stop.abort();
  signal?.addEventListener('abort', forward, { once: true });
  const timer = { late: false };
  void clock.sleep(timeoutMs, ended.signal).then(
    () => {
      timer.late = true;
      stop.abort();
    },
    () => undefined, // ended in time
  );
  try {
    throwIfAborted(signal);
    const response = await fetch(url, {
      headers,
      signal: stop.signal,
      redirect: 'manual',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
    return {
      status: response.status,
      text: redact((await response.text()).slice(0, 1 << 20), options.apiKey),
    };
  } catch {
    throwIfAborted(signal);
    return timer.late ? 'timeout' : 'unreadable';
  } finally {
    signal?.removeEventListener('abort', forward);
    ended.abort();
  }
}

/** A real completion of one token, with the same request that the searcher and the generator send. */
async function generateOneToken(
  baseUrl: string,
  model: string,
  options: ConnectionTestOptions,
): Promise<Finding> {
  const { fetch, clock, apiKey, signal, modelTimeoutMs = 120_000 } = options;
  const endpoint = createOpenAiModel({
    ...{ baseUrl, model, fetch, clock, random: () => 0.5 },
    ...(apiKey !== undefined && { apiKey }),
    retry: { retries: 0 },
    firstByteTimeoutMs: modelTimeoutMs,
  });
  const request = { messages: [{ role: 'user' as const, content: 'Hi' }], maxTokens: 1, temperature: 0 };
  try {
    for await (const _event of endpoint.generate(request, signal)) {
      // only whether it works matters
    }
  } catch (error) {
    throwIfAborted(signal);
    if (!(error instanceof AppError)) throw error;
    // The list could be read and the completion could not: the server allows simple requests only.
    if (error.code === 'NETWORK' && options.pageOrigin !== undefined) return whyUnreadable(baseUrl, options);
    const isForeign = error.code === 'BAD_RESPONSE' && !error.recoverable;
    return isForeign ? { ...describe(error), verdict: 'not-openai' } : describe(error);
  }
  return { verdict: 'ok', message: `${shownUrl(baseUrl)} answers with "${model}".`, fix: '' };
}
