export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/**
 * A stretch of text after the generation prompt. The searcher's context is its prompt followed by its own responses and
 * the environment's observations; each segment is tokenised on its own, so that tokens already in the KV cache stay valid.
 */
export interface Segment {
  kind: 'generated' | 'observation';
  text: string;
}

export interface GenerateRequest {
  /** Rendered with the model's chat template, generation prompt added. Exactly one of `messages`, `prompt` and `tokens` is given. */
  messages?: ChatMessage[];
  /** Raw text, no template. */
  prompt?: string;
  /** A raw prompt as token ids, taken as they are; for models with an engine of ours only. */
  tokens?: readonly number[];
  /** What follows the prompt so far. An endpoint without raw continuation sees `generated` as assistant and `observation` as user messages. */
  continuation?: Segment[];
  /** Upper bound of new tokens. */
  maxTokens: number;
  /** 0 = greedy. */
  temperature: number;
  topP?: number;
  /** Only so many of the likeliest tokens can be drawn; 0 = off. */
  topK?: number;
  /** Tokens less likely than this share of the likeliest one's probability cannot be drawn; 0 = off. */
  minP?: number;
  /** > 0; 1 = off. Makes tokens that prompt or answer hold already less likely, as in Hugging Face's `generate`. */
  repetitionPenalty?: number;
  seed?: number;
  /** Generation ends when one of these appears in the new text. */
  stop?: string[];
  /** Whether the stop string stays at the end of the text. Default false. */
  keepStop?: boolean;
  logprobs?: boolean;
  /** Id of a resident adapter of the model; default: the model itself. Known to local models only. */
  adapter?: string;
  /** The context window to respect: when the prompt is longer, only its last tokens are kept. Default: the model's own limit. */
  maxContextTokens?: number;
}

export interface GeneratedToken {
  id: number;
  text: string;
  /** Natural log of the probability under the sampling distribution's unfiltered softmax at the request's temperature. */
  logprob?: number;
}

export interface Usage {
  promptTokens: number;
  /** Of the prompt tokens, those found in the KV cache. */
  cachedTokens: number;
  completionTokens: number;
  prefillMs: number;
  decodeMs: number;
  /** Tokens cut off the prompt's beginning because it did not fit; absent where nothing was cut or it is not known. */
  droppedTokens?: number;
  /** True where the counts were estimated from characters because the endpoint does not report them. */
  estimated?: boolean;
}

export type GenerateEvent =
  | { type: 'delta'; text: string; tokens?: GeneratedToken[] }
  | { type: 'done'; text: string; finishReason: 'stop' | 'eos' | 'length'; usage: Usage };

export interface LanguageModel {
  readonly id: string;
  /** Yields deltas while it works and exactly one `done` at the end. */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Tokens of each text; an estimate (4 characters each) where no tokenizer is at hand. */
  countTokens(texts: readonly string[]): Promise<number[]>;
}
