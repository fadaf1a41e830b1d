/** The OpenAI API's documents: what is sent, and what is read out of answers and stream chunks. No I/O. */
import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import type { ChatMessage, GeneratedToken, GenerateRequest, Usage } from '../protocol/language-model';

/** Where servers differ; learnt from their refusals and remembered per model. */
export interface Quirks {
  maxTokensField: 'max_tokens' | 'max_completion_tokens';
  streamOptions: boolean;
  stop: boolean;
}

export const defaultQuirks = (): Quirks => ({
  maxTokensField: 'max_tokens',
  streamOptions: true,
  stop: true,
});

/**
 * Adapts to a refusal, where that changes nothing about the result: another name for the token limit, no usage in the
 * stream (then it is estimated), stop strings applied only here. Says whether sending again makes sense.
 */
export function adapt(quirks: Quirks, refusal: string): boolean {
  if (quirks.maxTokensField === 'max_tokens' && refusal.includes('max_completion_tokens')) {
    quirks.maxTokensField = 'max_completion_tokens';
    return true;
  }
  if (quirks.streamOptions && refusal.includes('stream_options')) {
    quirks.streamOptions = false;
    return true;
  }
  if (quirks.stop && /["'`]stop["'`]/.test(refusal)) {
    quirks.stop = false;
    return true;
  }
  return false;
}

/** OpenAI takes no more. All of them are applied to the answer anyway. */
const MAX_STOPS = 4;

/**
 * The conversation for an endpoint that cannot continue a raw text: what the model wrote becomes assistant messages, what the
 * environment answered user messages. Neighbours of one role are joined and empty ones left out, because many chat templates
 * demand strict alternation.
 */
export function chatMessages(request: GenerateRequest): ChatMessage[] {
  const conversation: ChatMessage[] = (request.messages ?? []).map(({ role, content }) => ({
    role,
    content,
  }));
  for (const { kind, text } of request.continuation ?? []) {
    if (text.trim() === '') continue;
    const role = kind === 'generated' ? 'assistant' : 'user';
    const last = conversation.at(-1);
    if (last?.role === role) last.content += text;
    else conversation.push({ role, content: text });
  }
  return conversation;
}

export function rawPrompt(request: GenerateRequest): string {
  return (request.prompt ?? '') + (request.continuation ?? []).map(({ text }) => text).join('');
}

export interface OutgoingRequest {
  path: '/chat/completions' | '/completions';
  body: Record<string, unknown>;
}

export function outgoingRequest(request: GenerateRequest, model: string, quirks: Quirks): OutgoingRequest {
  if ((request.messages === undefined) === (request.prompt === undefined)) {
    throw new AppError('BAD_INPUT', 'A request needs either messages or a raw prompt, and not both.');
  }
  const chat = request.messages !== undefined;
  // A server drops the stop string it has found, and does not say which it was: to keep it, it is looked for here only.
  const stop = quirks.stop && !request.keepStop ? (request.stop ?? []).slice(0, MAX_STOPS) : [];
  return {
    path: chat ? '/chat/completions' : '/completions',
    body: {
      model,
      ...(chat ? { messages: chatMessages(request) } : { prompt: rawPrompt(request) }),
      [quirks.maxTokensField]: request.maxTokens,
      temperature: request.temperature,
      ...(request.topP !== undefined && { top_p: request.topP }),
      // Not in OpenAI's API, but in those of vLLM and llama.cpp; a server that does not know them refuses, and that is said.
      ...(request.topK !== undefined && { top_k: request.topK }),
      ...(request.minP !== undefined && { min_p: request.minP }),
      ...(request.repetitionPenalty !== undefined && { repetition_penalty: request.repetitionPenalty }),
      ...(request.seed !== undefined && { seed: request.seed }),
      ...(stop.length > 0 && { stop }),
      ...(request.logprobs && { logprobs: chat ? true : 1 }),
      stream: true,
      ...(quirks.streamOptions && { stream_options: { include_usage: true } }),
    },
  };
}

const Content = v.nullish(
  v.union([v.string(), v.array(v.looseObject({ type: v.string(), text: v.nullish(v.string()) }))]),
);
const Choice = v.looseObject({
  index: v.nullish(v.number()),
  delta: v.nullish(v.looseObject({ content: Content })),
  message: v.nullish(v.looseObject({ content: Content })),
  text: v.nullish(v.string()),
  finish_reason: v.nullish(v.string()),
  stop_reason: v.nullish(v.union([v.string(), v.number()])),
  logprobs: v.nullish(
    v.looseObject({
      content: v.nullish(v.array(v.looseObject({ token: v.string(), logprob: v.number() }))),
      tokens: v.nullish(v.array(v.string())),
      token_logprobs: v.nullish(v.array(v.nullish(v.number()))),
    }),
  ),
});
const Answer = v.looseObject({
  error: v.nullish(v.union([v.string(), v.looseObject({ message: v.nullish(v.string()) })])),
  choices: v.nullish(v.array(Choice)),
  usage: v.nullish(
    v.looseObject({
      prompt_tokens: v.nullish(v.number()),
      completion_tokens: v.nullish(v.number()),
      prompt_tokens_details: v.nullish(v.looseObject({ cached_tokens: v.nullish(v.number()) })),
    }),
  ),
});

export interface AnswerPart {
  text: string;
  tokens?: GeneratedToken[];
  finish?: 'stop' | 'eos' | 'length';
  usage?: Pick<Usage, 'promptTokens' | 'cachedTokens' | 'completionTokens'>;
}

/** The answer's text alone: reasoning comes in fields and parts of its own and is left out. */
function textOf(content: v.InferOutput<typeof Content>): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
}

function tokensOf(logprobs: v.InferOutput<typeof Choice>['logprobs']): GeneratedToken[] | undefined {
  // Endpoints name tokens by their text only; −1 stands for the id that is not known.
  if (logprobs?.content)
    return logprobs.content.map(({ token, logprob }) => ({ id: -1, text: token, logprob }));
  return logprobs?.tokens?.map((text, i) => {
    const logprob = logprobs.token_logprobs?.[i] ?? undefined;
    return { id: -1, text, ...(logprob !== undefined && { logprob }) };
  });
}

function finishOf(choice: v.InferOutput<typeof Choice>): AnswerPart['finish'] {
  if (!choice.finish_reason) return undefined;
  if (choice.finish_reason === 'length') return 'length';
  // vLLM names the stop string that it found; elsewhere `stop` may be either, and the end of the text is the likelier one.
  return typeof choice.stop_reason === 'string' ? 'stop' : 'eos';
}

/** Why a document is not part of an answer. */
export interface WireFault {
  fault: string;
  /** The server reports a failure of its own, which may pass. */
  fromServer: boolean;
}

/** Reads a stream chunk or a whole completion. */
export function readAnswer(json: string): AnswerPart | WireFault {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return { fault: `sent something that is not JSON: ${json}`, fromServer: false };
  }
  const parsed = v.safeParse(Answer, document);
  if (!parsed.success) return { fault: `sent JSON of an unknown form: ${json}`, fromServer: false };
  const { error, choices, usage } = parsed.output;
  if (error !== undefined && error !== null) {
    const message = typeof error === 'string' ? error : (error.message ?? 'no message');
    return { fault: `reported a failure in its answer: ${message}`, fromServer: true };
  }
  if (!choices && !usage) {
    return { fault: `sent JSON without "choices": ${json}`, fromServer: false };
  }
  const choice = choices?.find(({ index }) => (index ?? 0) === 0);
  if (choice?.finish_reason === 'content_filter') {
    return { fault: 'stopped the answer with its content filter.', fromServer: false };
  }
  const tokens = tokensOf(choice?.logprobs);
  const finish = choice && finishOf(choice);
  return {
    text: choice ? (choice.text ?? textOf((choice.delta ?? choice.message)?.content)) : '',
    ...(tokens && { tokens }),
    ...(finish && { finish }),
    ...(usage && {
      usage: {
        promptTokens: usage.prompt_tokens ?? 0,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
        completionTokens: usage.completion_tokens ?? 0,
      },
    }),
  };
}

/** Four characters a token, where the endpoint does not report its usage. */
export function estimateUsage(
  request: GenerateRequest,
  text: string,
): Pick<Usage, 'promptTokens' | 'cachedTokens' | 'completionTokens' | 'estimated'> {
  const prompt = request.messages
    ? chatMessages(request)
        .map(({ content }) => content)
        .join('\n')
    : rawPrompt(request);
  return {
    promptTokens: Math.ceil(prompt.length / 4),
    cachedTokens: 0,
    completionTokens: Math.ceil(text.length / 4),
    estimated: true,
  };
}
