/** `/v1/chat/completions`, `/v1/completions` and `/v1/models` over one model. */
import { randomInt } from 'node:crypto';
import type { GeneratedToken, GenerateRequest } from '../../src/protocol/language-model';
import { ApiError } from './api-error';
import { runChoice, type ChoiceEnd, type ChoicePiece, type ServedModel } from './choice';
import { CompletionDocuments, type FinishedChoice } from './completion-documents';
import { readChatRequest, readTextRequest, type CompletionJob, type Prompt } from './completion-request';
import { EventStream } from './event-stream';
import { sendJson, type Exchange, type Route } from './http-server';
import { readJson } from './request-body';

export interface NamedModel {
  /** What requests call it. */
  id: string;
  model: ServedModel;
}

/** Requests in work at a time; more are told to come again. The engine batches what it can of them. */
const MAX_RUNNING = 64;

/** The request for every choice of a job, in order: the prompts one after the other, `n` times each. */
function requestsOf(job: CompletionJob, model: ServedModel): GenerateRequest[] {
  const { temperature, topP, topK, minP, repetitionPenalty, n, stop, keepStop, logprobs } = job;
  const seed = job.seed ?? randomInt(2 ** 32);
  return job.prompts.flatMap((prompt, p) => {
    const fitted = fit(job, prompt, model);
    return Array.from({ length: n }, (_, i) => ({
      ...fitted,
      ...{ temperature, stop, keepStop, logprobs },
      ...(topP !== undefined && { topP }),
      ...(topK !== undefined && { topK }),
      ...(minP !== undefined && { minP }),
      ...(repetitionPenalty !== undefined && { repetitionPenalty }),
      // Answers to one prompt are to differ; the same seed gives the same ones again.
      seed: seed + p * n + i,
    }));
  });
}

/**
 * A prompt as tokens, with the number of new ones that it leaves room for. The engine would cut a prompt that is too long; the API
 * refuses it.
 */
function fit(
  { maxTokens }: CompletionJob,
  prompt: Prompt,
  model: ServedModel,
): Pick<GenerateRequest, 'tokens' | 'maxTokens'> {
  const tokens = model.promptTokens({ ...prompt, maxTokens: 1, temperature: 0 });
  if (tokens.length === 0) throw new ApiError(400, 'The prompt is empty.', { param: 'prompt' });
  const room = model.maxContext - tokens.length;
  if (room < Math.max(1, maxTokens ?? 1)) {
    const wanted = maxTokens === undefined ? '' : ` and ${maxTokens} new ones`;
    throw new ApiError(
      400,
      `This model's maximum context length is ${model.maxContext} tokens; the prompt has ${tokens.length}${wanted}.`,
      { code: 'context_length_exceeded', param: maxTokens === undefined ? 'messages' : 'max_tokens' },
    );
  }
  return { tokens, maxTokens: maxTokens ?? room };
}

/** Runs all choices side by side; the first failure stops the others. */
async function runAll(
  model: ServedModel,
  requests: readonly GenerateRequest[],
  onPiece: (index: number, piece: ChoicePiece) => Promise<void>,
  onEnd: (index: number, end: ChoiceEnd) => Promise<void>,
  outer: AbortSignal,
): Promise<ChoiceEnd[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const runs = requests.map(async (request, index) => {
    const end = await runChoice(model, request, (piece) => onPiece(index, piece), signal);
    await onEnd(index, end);
    return end;
  });
  try {
    return await Promise.all(runs);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(runs);
    throw error;
  }
}

async function answerWhole(exchange: Exchange, job: CompletionJob, { id, model }: NamedModel): Promise<void> {
  const documents = new CompletionDocuments(job, id, Date.now());
  const requests = requestsOf(job, model);
  const parts = requests.map((): { text: string; tokens: GeneratedToken[] } => ({ text: '', tokens: [] }));
  const collect = (index: number, { text, tokens }: ChoicePiece): Promise<void> => {
    const part = parts[index];
    if (part) {
      part.text += text;
      part.tokens.push(...tokens);
    }
    return Promise.resolve();
  };
  const ends = await runAll(model, requests, collect, () => Promise.resolve(), exchange.signal);
  const choices = ends.flatMap((end, i): FinishedChoice[] => {
    const part = parts[i];
    return part ? [{ ...part, end }] : [];
  });
  sendJson(exchange.response, 200, documents.complete(choices));
}

async function answerStream(
  exchange: Exchange,
  job: CompletionJob,
  { id, model }: NamedModel,
): Promise<void> {
  const documents = new CompletionDocuments(job, id, Date.now());
  const requests = requestsOf(job, model);
  const offsets = requests.map(() => 0);
  const opened = new Set<number>();
  const stream = new EventStream(exchange);
  const open = async (index: number): Promise<void> => {
    if (job.kind === 'text' || opened.has(index)) return;
    opened.add(index);
    await stream.send(documents.opening(index));
  };
  const onPiece = async (index: number, piece: ChoicePiece): Promise<void> => {
    // Tokens whose text is held back are only news to those who asked for them.
    if (piece.text === '' && !job.logprobs) return;
    await open(index);
    const offset = offsets[index] ?? 0;
    offsets[index] = offset + piece.text.length;
    await stream.send(documents.piece(index, piece, offset));
  };
  const onEnd = async (index: number, end: ChoiceEnd): Promise<void> => {
    await open(index);
    await stream.send(documents.closing(index, end));
  };
  try {
    const ends = await runAll(model, requests, onPiece, onEnd, exchange.signal);
    if (job.includeUsage) await stream.send(documents.usage(ends));
    stream.finish();
  } finally {
    stream.close();
  }
}

export function completionRoutes(served: NamedModel, startedAt: number): Route[] {
  const running = { count: 0 };
  const requireModel = (model: string): void => {
    if (model === served.id) return;
    throw new ApiError(
      404,
      `The model \`${model.slice(0, 200)}\` does not exist; this server has \`${served.id}\`.`,
      {
        code: 'model_not_found',
        param: 'model',
      },
    );
  };
  const handler = (read: (document: unknown) => CompletionJob) => async (exchange: Exchange) => {
    const job = read(await readJson(exchange));
    requireModel(job.model);
    if (running.count >= MAX_RUNNING) {
      throw new ApiError(429, `${MAX_RUNNING} requests are being answered already.`, {
        code: 'rate_limit_exceeded',
        headers: { 'retry-after': '1' },
      });
    }
    running.count += 1;
    try {
      await (job.stream ? answerStream : answerWhole)(exchange, job, served);
    } finally {
      running.count -= 1;
    }
  };
  const entry = {
    ...{ id: served.id, object: 'model', created: Math.floor(startedAt / 1000), owned_by: 's3-web' },
    max_model_len: served.model.maxContext,
  };
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handle: ({ response }) => sendJson(response, 200, { object: 'list', data: [entry] }),
    },
    {
      method: 'GET',
      path: '/v1/models/*',
      handle: ({ response, rest }) => {
        requireModel(rest);
        sendJson(response, 200, entry);
      },
    },
    { method: 'POST', path: '/v1/chat/completions', handle: handler(readChatRequest) },
    { method: 'POST', path: '/v1/completions', handle: handler(readTextRequest) },
  ];
}
