/** Requests of OpenAI's two completion APIs, read into what the engine does. What it cannot do is refused, never left out in silence. */
import * as v from 'valibot';
import type { ChatMessage, GenerateRequest } from '../../src/protocol/language-model';
import { ApiError } from './api-error';
import { parseBody } from './request-body';

/** A prompt in any of the forms that the engine takes. */
export type Prompt = Pick<GenerateRequest, 'messages' | 'prompt' | 'tokens' | 'continuation'>;

export interface CompletionJob {
  kind: 'chat' | 'text';
  model: string;
  prompts: Prompt[];
  /** Answers to each prompt. */
  n: number;
  /** Undefined: as many as fit (chat), or 16 (text), as the APIs say. */
  maxTokens: number | undefined;
  temperature: number;
  topP: number | undefined;
  /** These three as vLLM names them. */
  topK: number | undefined;
  minP: number | undefined;
  repetitionPenalty: number | undefined;
  /** Undefined: another one every time. */
  seed: number | undefined;
  stop: string[];
  /** vLLM's `include_stop_str_in_output`. */
  keepStop: boolean;
  logprobs: boolean;
  /** Alternatives to list with each token; only the chosen token of a greedy run is known to be the likeliest. */
  topLogprobs: number;
  /** vLLM's `return_tokens_as_token_ids`: log-probabilities name tokens as `token_id:N`. */
  tokenIds: boolean;
  stream: boolean;
  includeUsage: boolean;
}

export const MAX_CHOICES = 64;
const MAX_STOPS = 16;

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const stopString = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1000));

const shared = {
  model: v.pipe(v.string(), v.nonEmpty()),
  max_tokens: v.nullish(whole(1)),
  temperature: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 1),
  top_p: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  // vLLM's −1 for "all" is 0 here.
  top_k: v.nullish(whole(-1)),
  min_p: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  repetition_penalty: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(100))),
  seed: v.nullish(whole(Number.MIN_SAFE_INTEGER)),
  stop: v.nullish(v.union([stopString, v.pipe(v.array(stopString), v.maxLength(MAX_STOPS))]), []),
  n: v.nullish(whole(1, MAX_CHOICES), 1),
  stream: v.nullish(v.boolean(), false),
  stream_options: v.nullish(v.looseObject({ include_usage: v.nullish(v.boolean(), false) })),
  include_stop_str_in_output: v.nullish(v.boolean(), false),
  return_tokens_as_token_ids: v.nullish(v.boolean(), false),
};

const part = v.looseObject({ type: v.string(), text: v.nullish(v.string()) });
const message = v.looseObject({
  role: v.picklist(['system', 'developer', 'user', 'assistant']),
  content: v.nullish(v.union([v.string(), v.array(part)]), ''),
});
const chatSchema = v.looseObject({
  ...shared,
  messages: v.pipe(v.array(message), v.nonEmpty()),
  max_completion_tokens: v.nullish(whole(1)),
  logprobs: v.nullish(v.boolean(), false),
  top_logprobs: v.nullish(whole(0, 20), 0),
  add_generation_prompt: v.nullish(v.boolean()),
  continue_final_message: v.nullish(v.boolean(), false),
});

const tokens = v.pipe(v.array(whole(0)), v.nonEmpty());
const textSchema = v.looseObject({
  ...shared,
  prompt: v.union([
    v.string(),
    tokens,
    v.pipe(v.array(v.string()), v.nonEmpty()),
    v.pipe(v.array(tokens), v.nonEmpty()),
  ]),
  logprobs: v.nullish(whole(0, 20)),
});

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Fields that would change the answer and cannot be honoured, each with the values that ask for nothing. */
const UNSUPPORTED: Record<string, (value: unknown) => boolean> = {
  echo: (value) => value === false,
  suffix: (value) => value === '',
  best_of: (value) => value === 1,
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  min_tokens: (value) => value === 0,
  ignore_eos: (value) => value === false,
  use_beam_search: (value) => value === false,
  prompt_logprobs: () => false,
  stop_token_ids: isEmpty,
  logit_bias: isEmpty,
  tools: isEmpty,
  functions: isEmpty,
  response_format: (value) => v.is(v.looseObject({ type: v.literal('text') }), value),
  structured_outputs: () => false,
  guided_json: () => false,
  guided_regex: () => false,
  guided_choice: () => false,
  guided_grammar: () => false,
};
const HINTS: Record<string, string> = {
  echo: ' Log-probabilities of a given text are what `s3 model score` prints.',
};

function refuseUnsupported(body: Record<string, unknown>): void {
  for (const [param, harmless] of Object.entries(UNSUPPORTED)) {
    const value = body[param];
    if (value === undefined || value === null || harmless(value)) continue;
    const message = `\`${param}\` is not supported by this server.${HINTS[param] ?? ''}`;
    throw new ApiError(400, message, { code: 'unsupported_parameter', param });
  }
}

type Shared = v.InferOutput<typeof chatSchema> | v.InferOutput<typeof textSchema>;

const sharedPart = (body: Shared) => ({
  model: body.model,
  n: body.n,
  temperature: body.temperature,
  topP: body.top_p ?? undefined,
  topK: typeof body.top_k === 'number' ? Math.max(0, body.top_k) : undefined,
  minP: body.min_p ?? undefined,
  repetitionPenalty: body.repetition_penalty ?? undefined,
  seed: body.seed ?? undefined,
  stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
  keepStop: body.include_stop_str_in_output,
  tokenIds: body.return_tokens_as_token_ids,
  stream: body.stream,
  includeUsage: body.stream_options?.include_usage ?? false,
});

/** @throws ApiError 400 */
export function readChatRequest(document: unknown): CompletionJob {
  const body = parseBody(chatSchema, document);
  refuseUnsupported(body);
  if (body.top_logprobs > 0 && !body.logprobs) {
    throw new ApiError(400, '`top_logprobs` needs `logprobs` to be true.', { param: 'top_logprobs' });
  }
  requireKnownAlternatives(body.top_logprobs, body.temperature, 'top_logprobs');
  return {
    kind: 'chat',
    ...sharedPart(body),
    prompts: [conversation(body)],
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    logprobs: body.logprobs,
    topLogprobs: body.top_logprobs,
  };
}

/** @throws ApiError 400 */
export function readTextRequest(document: unknown): CompletionJob {
  const body = parseBody(textSchema, document);
  refuseUnsupported(body);
  const prompts = promptsOf(body.prompt);
  if (prompts.length * body.n > MAX_CHOICES) {
    throw new ApiError(400, `At most ${MAX_CHOICES} answers can be asked for at once.`, { param: 'prompt' });
  }
  const logprobs = body.logprobs ?? undefined;
  // "The likeliest one" is what clients ask for that want the chosen token's alone; of a sampled token it is not claimed.
  const known = logprobs === 1 && body.temperature > 0 ? 0 : (logprobs ?? 0);
  requireKnownAlternatives(known, body.temperature, 'logprobs');
  return {
    kind: 'text',
    ...sharedPart(body),
    prompts,
    maxTokens: body.max_tokens ?? 16,
    logprobs: logprobs !== undefined,
    topLogprobs: known,
  };
}

function requireKnownAlternatives(count: number, temperature: number, param: string): void {
  if (count === 0 || (count === 1 && temperature === 0)) return;
  throw new ApiError(
    400,
    `\`${param}\`: ${count} alternatives a token cannot be given. The log-probability of each chosen token can; at temperature 0 that is the likeliest one.`,
    { code: 'unsupported_value', param },
  );
}

function promptsOf(prompt: v.InferOutput<typeof textSchema>['prompt']): Prompt[] {
  if (typeof prompt === 'string') return [{ prompt }];
  // One list of ids is one prompt.
  const list = prompt.every((item) => typeof item === 'number')
    ? [prompt]
    : (prompt as (string | number[])[]);
  return list.map((item) => (typeof item === 'string' ? { prompt: item } : { tokens: item }));
}

function conversation(body: v.InferOutput<typeof chatSchema>): Prompt {
  const messages = body.messages.map(({ role, content }, i): ChatMessage => ({
    role: role === 'developer' ? 'system' : role,
    content: textOf(content, i),
  }));
  const last = messages.at(-1);
  if (body.continue_final_message) {
    if (body.add_generation_prompt === true || last?.role !== 'assistant') {
      const message =
        '`continue_final_message` needs a last message of the assistant and no new generation prompt.';
      throw new ApiError(400, message, { param: 'continue_final_message' });
    }
    return { messages: messages.slice(0, -1), continuation: [{ kind: 'generated', text: last.content }] };
  }
  if (body.add_generation_prompt === false) {
    throw new ApiError(400, '`add_generation_prompt` false goes with `continue_final_message` only.', {
      param: 'add_generation_prompt',
    });
  }
  return { messages };
}

function textOf(content: string | v.InferOutput<typeof part>[], index: number): string {
  if (typeof content === 'string') return content;
  return content
    .map(({ type, text }) => {
      if (type === 'text' && typeof text === 'string') return text;
      const message = `The model reads text; a message holds a part of type "${type.slice(0, 40)}".`;
      throw new ApiError(400, message, { param: `messages.${index}.content` });
    })
    .join('');
}
