/** The engine with its tokenizer and chat template, as a `LanguageModel`: text in, text out. */
import type { Backend } from '../gpu/backend';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest, LanguageModel } from '../protocol/language-model';
import type { OnProgress } from '../protocol/retrieval';
import type { WeightType } from '../protocol/model-import';
import type { ByteSource } from './byte-source';
import type { Checkpoint } from './checkpoint';
import { loadModel, type GenerateTokensResult, type LoadedModel } from './engine';
import type { ModelConfig } from './config';
import type { LoraAdapter } from './lora/adapter';
import type { SamplingOptions } from './sampling';
import { ChatTemplate, encodeChat } from './text/chat-template';
import { StopStrings } from './text/stop-strings';
import { TextTokenizer } from './text/tokenizer';

/** A model folder in Hugging Face's layout; the JSON files parsed. */
export interface ModelFiles {
  /** `config.json` */
  config: unknown;
  /** `generation_config.json`: its `eos_token_id` goes before the one in `config.json`. */
  generationConfig?: unknown;
  /** `tokenizer.json` */
  tokenizer: unknown;
  /** `tokenizer_config.json` */
  tokenizerConfig: unknown;
  /** `chat_template.jinja` */
  chatTemplate?: string;
  /** `model.safetensors`, or its shards. */
  weights?: ByteSource | readonly ByteSource[];
  /** Instead of `weights`: what lies in a pack, a GGUF file or anything else. */
  checkpoint?: Checkpoint;
}

export interface OpenLocalModelOptions {
  id: string;
  files: ModelFiles;
  backend: Backend;
  /** Type of the matrices. Default: as stored where the checkpoint has blocks, else f32. */
  weights?: WeightType;
  /** Positions of the KV cache. Default: what the checkpoint was made for, at most 4096. */
  maxContext?: number;
  /** Sequences that can decode together. Default: 1 on the CPU, 4 on a GPU. */
  slots?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/** What of the engine a `LocalModel` uses. */
export type TokenEngine = Pick<LoadedModel, 'generateTokens' | 'maxContext' | 'dispose'> &
  Partial<Pick<LoadedModel, 'config' | 'addAdapter'>>;

export interface LocalModelParts {
  id: string;
  engine: TokenEngine;
  tokenizer: TextTokenizer;
  /** Undefined for a base model, which takes raw prompts only. */
  template: ChatTemplate | undefined;
  eosTokenIds: readonly number[];
}

/**
 * Reads the folder and loads the weights into the backend.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, OUT_OF_MEMORY, ABORTED; nothing stays allocated then.
 */
export async function openLocalModel(options: OpenLocalModelOptions): Promise<LocalModel> {
  const { id, files, backend, weights, maxContext, slots, signal, onProgress } = options;
  const tokenizer = new TextTokenizer(files.tokenizer, files.tokenizerConfig);
  const template = ChatTemplate.find(files.tokenizerConfig, files.chatTemplate);
  const engine = await loadModel({
    backend,
    config: files.config,
    ...(files.weights && { source: files.weights }),
    ...(files.checkpoint && { checkpoint: files.checkpoint }),
    ...(weights && { weights }),
    ...(maxContext !== undefined && { maxContext }),
    ...(slots !== undefined && { slots }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  });
  const eosTokenIds = endTokens(files.generationConfig, engine.config.eosTokenIds, tokenizer);
  return new LocalModel({ id, engine, tokenizer, template, eosTokenIds });
}

/** Instruct models name the end of a turn in `generation_config.json`, where `config.json` still has the base model's token. */
export function endTokens(
  generationConfig: unknown,
  fromConfig: readonly number[],
  tokenizer: TextTokenizer,
): number[] {
  const entry =
    typeof generationConfig === 'object' && generationConfig !== null && 'eos_token_id' in generationConfig
      ? generationConfig.eos_token_id
      : undefined;
  const listed: unknown[] = Array.isArray(entry) ? entry : [entry];
  const ids = new Set(listed.filter((id): id is number => typeof id === 'number'));
  if (ids.size === 0) for (const id of fromConfig) ids.add(id);
  const named = tokenizer.eosToken === undefined ? undefined : tokenizer.idOf(tokenizer.eosToken);
  if (named !== undefined) ids.add(named);
  return [...ids];
}

/** Hands events from a callback to a reader. */
class EventQueue {
  #events: GenerateEvent[] = [];
  #wake: () => void = () => undefined;

  push(event: GenerateEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  take(): GenerateEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Resolves when there is an event. */
  arrival(): Promise<void> {
    return this.#events.length > 0 ? Promise.resolve() : new Promise((resolve) => (this.#wake = resolve));
  }
}

export class LocalModel implements LanguageModel {
  readonly id: string;
  readonly tokenizer: TextTokenizer;
  readonly #engine: TokenEngine;
  readonly #template: ChatTemplate | undefined;
  readonly #eosTokenIds: readonly number[];
  /** Generations under way. */
  readonly #active = new Map<AbortController, Promise<unknown>>();

  constructor(parts: LocalModelParts) {
    this.id = parts.id;
    this.tokenizer = parts.tokenizer;
    this.#engine = parts.engine;
    this.#template = parts.template;
    this.#eosTokenIds = parts.eosTokenIds;
  }

  get maxContext(): number {
    return this.#engine.maxContext;
  }

  /**
   * Tokens of a request's prompt. The beginning and every segment are tokenised on their own and joined, so that the tokens of
   * one turn are a prefix of the next turn's and stay in the cache. Only the template and a raw prompt may write special tokens;
   * in messages and segments their names are plain text.
   * @throws AppError BAD_INPUT where messages meet a model without a chat template
   */
  promptTokens({ messages, prompt, tokens: ready, continuation = [] }: GenerateRequest): number[] {
    if ([messages, prompt, ready].filter((given) => given !== undefined).length !== 1) {
      throw new AppError('BAD_INPUT', 'A request needs either messages or a raw prompt, and not both.');
    }
    const tokens =
      messages === undefined
        ? [...(ready ?? this.tokenizer.encode(prompt ?? '', { addSpecial: true }))]
        : encodeChat(this.tokenizer, this.#requireTemplate(), messages);
    for (const { text } of continuation) tokens.push(...this.tokenizer.encode(text, { special: 'plain' }));
    return tokens;
  }

  /** @throws AppError BAD_INPUT, CONTEXT_TOO_LONG, ABORTED, DEVICE_LOST */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    throwIfAborted(signal);
    const tokens = this.promptTokens(request);
    const queue = new EventQueue();
    const stop = new AbortController();
    const forward = (): void => stop.abort();
    signal?.addEventListener('abort', forward, { once: true });
    const progress = { finished: false };
    const work = this.#run(request, tokens, queue, stop.signal).finally(() => (progress.finished = true));
    this.#active.set(stop, work);
    try {
      while (!progress.finished) {
        await Promise.race([queue.arrival(), work]);
        yield* queue.take();
      }
      // What came while the reader was busy with the events before.
      yield* queue.take();
      yield await work;
    } finally {
      signal?.removeEventListener('abort', forward);
      // The reader may have left in the middle: the engine stops at the next token, and nobody hears of it.
      stop.abort();
      await work.catch(() => undefined);
      this.#active.delete(stop);
    }
  }

  countTokens(texts: readonly string[]): Promise<number[]> {
    return Promise.resolve(texts.map((text) => this.tokenizer.count(text)));
  }

  /**
   * Brings an adapter into memory, beside the others; `read` makes it for this model's architecture.
   * @throws AppError BAD_INPUT, OUT_OF_MEMORY, DEVICE_LOST, and what `read` throws
   */
  async addAdapter(id: string, read: (config: ModelConfig) => Promise<LoraAdapter>): Promise<void> {
    const engine = this.#engine;
    if (!engine.config || !engine.addAdapter)
      throw new AppError('UNSUPPORTED', 'This model takes no adapters.');
    await engine.addAdapter(id, await read(engine.config));
  }

  /** Stops what is under way, then frees the engine's memory; the backend lives on. */
  async dispose(): Promise<void> {
    const active = [...this.#active];
    for (const [stop] of active) stop.abort();
    await Promise.allSettled(active.map(([, work]) => work));
    this.#engine.dispose();
  }

  async #run(
    request: GenerateRequest,
    tokens: readonly number[],
    queue: EventQueue,
    signal: AbortSignal,
  ): Promise<GenerateEvent> {
    const { maxTokens, stop = [], keepStop = false, maxContextTokens } = request;
    const stream = this.tokenizer.stream();
    const stops = new StopStrings(stop, keepStop);
    const ends = new Set(this.#eosTokenIds);
    let text = '';
    const found = { stop: false };
    const result = await this.#engine.generateTokens({
      tokens,
      maxNewTokens: maxTokens,
      sampling: samplingOf(request),
      ...(request.adapter !== undefined && { adapter: request.adapter }),
      stopTokenIds: this.#eosTokenIds,
      ...(maxContextTokens !== undefined && { maxPromptTokens: maxContextTokens }),
      signal,
      onToken: ({ id, logprob }) => {
        if (ends.has(id)) return undefined;
        const own = stream.push(id);
        const piece = stops.push(own);
        text += piece.text;
        const token = { id, text: own, ...(request.logprobs && { logprob }) };
        queue.push({ type: 'delta', text: piece.text, tokens: [token] });
        found.stop = piece.stopped !== undefined;
        return found.stop ? 'stop' : undefined;
      },
    });
    if (!found.stop) {
      const last = stops.push(stream.flush());
      found.stop = last.stopped !== undefined;
      const rest = last.text + stops.flush();
      text += rest;
      if (rest !== '') queue.push({ type: 'delta', text: rest });
    }
    return { type: 'done', text, finishReason: finishReason(result, found.stop), usage: usageOf(result) };
  }

  #requireTemplate(): ChatTemplate {
    if (this.#template) return this.#template;
    throw new AppError(
      'BAD_INPUT',
      `${this.id} has no chat template: it continues texts, and does not chat.`,
      {
        fix: 'Choose an instruct model, or send a raw prompt.',
      },
    );
  }
}

function samplingOf(request: GenerateRequest): SamplingOptions {
  const { temperature, topP, topK, minP, repetitionPenalty, seed } = request;
  return {
    temperature,
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
    ...(seed !== undefined && { seed }),
  };
}

function finishReason(result: GenerateTokensResult, stopped: boolean): 'stop' | 'eos' | 'length' {
  if (stopped) return 'stop';
  return result.finishReason === 'stop' ? 'eos' : 'length';
}

function usageOf(result: GenerateTokensResult): Extract<GenerateEvent, { type: 'done' }>['usage'] {
  const { promptTokens, cachedTokens, droppedTokens, prefillMs, decodeMs, tokens } = result;
  return {
    ...{ promptTokens, cachedTokens, completionTokens: tokens.length, prefillMs, decodeMs },
    ...(droppedTokens > 0 && { droppedTokens }),
  };
}
