/**
 * The policy as an episode's searcher: a `LanguageModel` like any other, which keeps every token that went in and came out. What an
 * episode asks for is sent as token ids, so that what is recorded is what was computed.
 */
import { AppError } from '../../protocol/errors';
import type { GenerateEvent, GenerateRequest, LanguageModel, Segment } from '../../protocol/language-model';
import type { GenerateTokensOptions, GenerateTokensResult, LoadedModel } from '../../lm/engine';
import { LocalModel } from '../../lm/local-model';
import type { ChatTemplate } from '../../lm/text/chat-template';
import type { TextTokenizer } from '../../lm/text/tokenizer';

/** The model in training, as rollouts use it. */
export interface Policy {
  id: string;
  engine: Pick<LoadedModel, 'generateTokens' | 'maxContext'>;
  tokenizer: TextTokenizer;
  /** Undefined for a model that continues texts only. */
  template: ChatTemplate | undefined;
  eosTokenIds: readonly number[];
  /** The resident adapter that is being trained; undefined: the model itself is. */
  adapter?: string;
}

export interface PolicySampling {
  /** > 0 */
  temperature: number;
  topP: number;
}

/** A stretch of the context after the prompt, with its tokens. */
export interface TokenSegment extends Segment {
  tokens: readonly number[];
}

/** One call of the policy. */
export interface PolicyCall {
  /** What was sampled, the end token included. */
  tokens: readonly number[];
  /** Of each token, at the sampling's temperature, before top-p. */
  logProbs: readonly number[];
  /** Tokens that the context's beginning lost because it was too long. */
  dropped: number;
}

export class EpisodeRecorder implements LanguageModel {
  readonly id: string;
  readonly #policy: Policy;
  readonly #model: LocalModel;
  readonly #calls: PolicyCall[] = [];
  readonly #segments: TokenSegment[] = [];
  #prompt: readonly number[] | undefined;

  constructor(policy: Policy, sampling: PolicySampling) {
    const { id, engine, tokenizer, template, eosTokenIds, adapter } = policy;
    this.id = id;
    this.#policy = policy;
    const generateTokens = async (options: GenerateTokensOptions): Promise<GenerateTokensResult> => {
      const { temperature, topP } = sampling;
      const { seed } = options.sampling;
      const result = await engine.generateTokens({
        ...options,
        // Training fixes how tokens are drawn, whatever the system would do by itself.
        sampling: { temperature, topP, ...(seed !== undefined && { seed }) },
        ...(adapter !== undefined && { adapter }),
      });
      const { tokens, logprobs, droppedTokens } = result;
      this.#calls.push({ tokens, logProbs: logprobs, dropped: droppedTokens });
      return result;
    };
    const recording = { maxContext: engine.maxContext, generateTokens, dispose: () => undefined };
    this.#model = new LocalModel({ id, engine: recording, tokenizer, template, eosTokenIds });
  }

  /** Tokens of the prompt, before anything was written; undefined before the first call. */
  get prompt(): readonly number[] | undefined {
    return this.#prompt;
  }

  get calls(): readonly PolicyCall[] {
    return this.#calls;
  }

  /** The context of the last call behind the prompt. */
  get segments(): readonly TokenSegment[] {
    return this.#segments;
  }

  /** @throws AppError `UNSUPPORTED` where the calls are not turns of one conversation; and as `LocalModel.generate` */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    const { messages, prompt, tokens: ready, continuation = [], ...rest } = request;
    const head = this.#model.promptTokens({
      ...rest,
      ...(messages && { messages }),
      ...(prompt !== undefined && { prompt }),
      ...(ready && { tokens: ready }),
    });
    this.#prompt ??= head;
    if (!sameTokens(head, this.#prompt)) throw notOneConversation();
    this.#continue(continuation);
    const tokens = [...head, ...this.#segments.flatMap((segment) => segment.tokens)];
    yield* this.#model.generate({ ...rest, tokens }, signal);
  }

  countTokens(texts: readonly string[]): Promise<number[]> {
    return this.#model.countTokens(texts);
  }

  #continue(continuation: readonly Segment[]): void {
    const known = this.#segments;
    const grown =
      continuation.length >= known.length &&
      known.every(({ kind, text }, i) => continuation[i]?.kind === kind && continuation[i].text === text);
    if (!grown) throw notOneConversation();
    for (const { kind, text } of continuation.slice(known.length)) {
      this.#segments.push({ kind, text, tokens: this.#policy.tokenizer.encode(text, { special: 'plain' }) });
    }
  }
}

const sameTokens = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((token, i) => token === b[i]);

const notOneConversation = (): AppError =>
  new AppError(
    'UNSUPPORTED',
    'This system calls its searcher with prompts that do not continue one another.',
    {
      fix: 'Train with s3, Search-R1 or DeepRetrieval.',
    },
  );
