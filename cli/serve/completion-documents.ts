/** The documents of OpenAI's two completion APIs, whole and in chunks. */
import { randomUUID } from 'node:crypto';
import type { GeneratedToken, Usage } from '../../src/protocol/language-model';
import type { ChoiceEnd, ChoicePiece } from './choice';
import type { CompletionJob } from './completion-request';

/** Everything that one choice came to. */
export interface FinishedChoice {
  text: string;
  tokens: GeneratedToken[];
  end: ChoiceEnd;
}

type Json = Record<string, unknown>;

/** The sum over the answers; a prompt with several answers counts once. */
export function usageDocument(ends: readonly Usage[], n: number): Json {
  const sum = (of: (usage: Usage) => number, usages = ends): number =>
    usages.reduce((total, usage) => total + of(usage), 0);
  const first = ends.filter((_usage, i) => i % n === 0);
  const prompt = sum(({ promptTokens }) => promptTokens, first);
  const completion = sum(({ completionTokens }) => completionTokens);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sum(({ cachedTokens }) => cachedTokens, first) },
  };
}

export class CompletionDocuments {
  readonly #job: CompletionJob;
  readonly #head: Json;

  constructor(job: CompletionJob, model: string, createdAt: number) {
    this.#job = job;
    const [prefix, object] =
      job.kind === 'chat'
        ? ['chatcmpl', job.stream ? 'chat.completion.chunk' : 'chat.completion']
        : ['cmpl', 'text_completion'];
    const id = `${prefix}-${randomUUID().replaceAll('-', '')}`;
    this.#head = { id, object, created: Math.floor(createdAt / 1000), model };
  }

  /** The whole answer. */
  complete(choices: readonly FinishedChoice[]): Json {
    const usages = choices.map(({ end }) => end.usage);
    return {
      ...this.#head,
      choices: choices.map(({ text, tokens, end }, index) => ({
        index,
        ...(this.#job.kind === 'chat'
          ? { message: { role: 'assistant', content: text, refusal: null } }
          : { text }),
        logprobs: this.#logprobs(tokens, 0),
        ...ending(end),
      })),
      usage: usageDocument(usages, this.#job.n),
    };
  }

  /** What a chat stream begins each choice with. */
  opening(index: number): Json {
    return this.#chunk({
      index,
      delta: { role: 'assistant', content: '' },
      logprobs: null,
      finish_reason: null,
    });
  }

  /** `offset`: characters of this choice's text before the piece. */
  piece(index: number, { text, tokens }: ChoicePiece, offset: number): Json {
    const logprobs = tokens.length > 0 ? this.#logprobs(tokens, offset) : null;
    const content = this.#job.kind === 'chat' ? { delta: { content: text } } : { text };
    return this.#chunk({ index, ...content, logprobs, finish_reason: null });
  }

  closing(index: number, end: ChoiceEnd): Json {
    const content = this.#job.kind === 'chat' ? { delta: {} } : { text: '' };
    return this.#chunk({ index, ...content, logprobs: null, ...ending(end) });
  }

  /** The last chunk, where it was asked for. */
  usage(ends: readonly ChoiceEnd[]): Json {
    const usages = ends.map(({ usage }) => usage);
    return { ...this.#head, choices: [], usage: usageDocument(usages, this.#job.n) };
  }

  #chunk(choice: Json): Json {
    return { ...this.#head, choices: [choice], ...(this.#job.includeUsage && { usage: null }) };
  }

  #logprobs(tokens: readonly GeneratedToken[], offset: number): Json | null {
    const { kind, logprobs, topLogprobs, tokenIds } = this.#job;
    if (!logprobs) return null;
    const named = ({ id, text }: GeneratedToken): string => (tokenIds ? `token_id:${id}` : text);
    if (kind === 'chat') {
      return {
        content: tokens.map((token) => {
          // Where a character spans tokens, its bytes cannot be told apart by token: `bytes` may be null, and is.
          const entry = { token: named(token), logprob: token.logprob ?? null, bytes: null };
          return { ...entry, top_logprobs: topLogprobs > 0 ? [entry] : [] };
        }),
      };
    }
    let at = offset;
    return {
      tokens: tokens.map(named),
      token_logprobs: tokens.map(({ logprob = null }) => logprob),
      top_logprobs:
        topLogprobs > 0 ? tokens.map((token) => ({ [named(token)]: token.logprob ?? null })) : null,
      text_offset: tokens.map(({ text }) => {
        const start = at;
        at += text.length;
        return start;
      }),
    };
  }
}

const ending = ({ finishReason, stopReason }: ChoiceEnd): Json => ({
  finish_reason: finishReason,
  stop_reason: stopReason,
});
