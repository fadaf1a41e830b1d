/** A loaded language model: one sequence at a time over a KV cache that is kept between calls. */
import type { Backend, ReadRequest, Tensor } from '../gpu/backend';
import { ROW_FIELDS, ROW_POSITION, ROW_TOKEN, STAT_ARGMAX, STAT_FIELDS } from '../gpu/backend';
import { STAT_LOG_SUM_EXP, STAT_MAXIMUM, STAT_TARGET } from '../gpu/backend';
import { AppError, throwIfAborted } from '../protocol/errors';
import type { OnProgress } from '../protocol/retrieval';
import type { WeightType } from '../protocol/model-import';
import type { ByteSource } from './byte-source';
import type { Checkpoint } from './checkpoint';
import { parseModelConfig, type ModelConfig } from './config';
import { buildGraph, type Graph } from './graph';
import { openSafetensorsCheckpoint } from './safetensors';
import { Sampler, type SampledToken, type SamplingOptions } from './sampling';
import { loadWeights } from './weights';

export interface LoadModelOptions {
  backend: Backend;
  /** Parsed `config.json`. */
  config: unknown;
  /** The weights: safetensors, GGUF or a pack, opened. */
  checkpoint?: Checkpoint;
  /** The safetensors files of the checkpoint, instead of `checkpoint`. */
  source?: ByteSource | readonly ByteSource[];
  /** Type of the matrices. Default: as stored where the checkpoint has blocks, else f32. */
  weights?: WeightType;
  /** Positions of the KV cache. Default: what the checkpoint was made for, at most 4096. */
  maxContext?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

export interface GenerateTokensOptions {
  /** The prompt, at least one token. */
  tokens: readonly number[];
  maxNewTokens: number;
  sampling: SamplingOptions;
  /** Generation ends after one of these; it is part of the result. */
  stopTokenIds?: readonly number[];
  /** Prompts longer than this lose their first tokens. Default and upper bound: `maxContext − maxNewTokens`. */
  maxPromptTokens?: number;
  signal?: AbortSignal;
  /** Called for every token in order; returning `'stop'` ends the generation after it. */
  onToken?: (token: SampledToken) => 'stop' | undefined;
}

export interface GenerateTokensResult {
  tokens: number[];
  /** Of each token; see `SampledToken.logprob`. */
  logprobs: number[];
  /** `stop`: a stop token; `callback`: `onToken` said so; `length`: `maxNewTokens` reached. */
  finishReason: 'stop' | 'callback' | 'length';
  /** Tokens of the prompt that were used. */
  promptTokens: number;
  /** Tokens dropped from the prompt's beginning because it was too long. */
  droppedTokens: number;
  /** Of the prompt tokens, those found in the KV cache. */
  cachedTokens: number;
  prefillMs: number;
  decodeMs: number;
}

export interface PrefillResult {
  /** `[vocabSize]`, of the last position. */
  logits: Float32Array;
  cachedTokens: number;
}

const DEFAULT_MAX_CONTEXT = 4096;
/** Bounds the logits of one head run, which are `[rows, vocab]`. */
const LOGITS_BYTES = 16 * 1024 * 1024;
const MAX_HEAD_ROWS = 64;

/**
 * Reads a checkpoint into the backend.
 * @throws AppError BAD_INPUT, UNSUPPORTED, INTEGRITY, OUT_OF_MEMORY, ABORTED; nothing stays allocated then.
 */
export async function loadModel(options: LoadModelOptions): Promise<LoadedModel> {
  const { backend, signal } = options;
  const config = parseModelConfig(options.config);
  const maxContext = options.maxContext ?? Math.min(config.nativePositions, DEFAULT_MAX_CONTEXT);
  if (!Number.isSafeInteger(maxContext) || maxContext < 2 || maxContext > config.maxPositions) {
    throw new AppError('BAD_INPUT', `This model cannot have a context of ${maxContext} tokens.`, {
      fix: `Choose between 2 and ${config.maxPositions}.`,
    });
  }
  const { source = [] } = options;
  const checkpoint =
    options.checkpoint ?? (await openSafetensorsCheckpoint('read' in source ? [source] : source, signal));
  const owned: { dispose(): void }[] = [];
  const allocate: Backend['tensor'] = (label, shape, dtype) => {
    const tensor: Tensor = backend.tensor(label, shape, dtype);
    owned.push(tensor);
    return tensor;
  };
  try {
    const { onProgress } = options;
    const loading = { weights: options.weights, onProgress, signal };
    const weights = await loadWeights(backend, allocate, config, checkpoint, loading);
    const stepRows = Math.min(backend.preferredRows, maxContext);
    const headRows = Math.max(
      1,
      Math.min(MAX_HEAD_ROWS, stepRows, Math.floor(LOGITS_BYTES / 4 / config.vocabSize)),
    );
    const sizes = { slots: 1, capacity: maxContext, stepRows, headRows };
    const graph = buildGraph(backend, allocate, config, weights, sizes);
    owned.push(graph.rows, graph.headRows);
    await backend.ready();
    throwIfAborted(signal);
    return new LoadedModel(backend, config, graph, owned);
  } catch (error) {
    for (const item of owned) item.dispose();
    throw error;
  }
}

export class LoadedModel {
  readonly config: ModelConfig;
  readonly maxContext: number;
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #owned: readonly { dispose(): void }[];
  /** Tokens whose keys and values lie in the cache, in order. */
  #cached: number[] = [];
  /** The end of the queue of calls: steps of two generations must not mix in one cache. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(backend: Backend, config: ModelConfig, graph: Graph, owned: readonly { dispose(): void }[]) {
    this.config = config;
    this.maxContext = graph.sizes.capacity;
    this.#backend = backend;
    this.#graph = graph;
    this.#owned = owned;
  }

  get backend(): Backend {
    return this.#backend;
  }

  /** Number of tokens that the cache holds. */
  get cachedTokens(): number {
    return this.#cached.length;
  }

  /** Forgets the cached tokens; the memory stays. */
  resetCache(): void {
    this.#cached = [];
  }

  /**
   * Brings the cache to exactly `tokens`, computing only what follows the longest common prefix.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST
   */
  prefill(tokens: readonly number[], signal?: AbortSignal): Promise<PrefillResult> {
    return this.#exclusive(async () => {
      const cachedTokens = this.#keepCommonPrefix(tokens);
      const logits = await this.#extend(tokens.slice(cachedTokens), 'logits', signal);
      return { logits, cachedTokens };
    });
  }

  /** Appends one token to the cache; the logits are those of its successor. */
  decode(token: number, signal?: AbortSignal): Promise<Float32Array> {
    return this.#exclusive(() => this.#extend([token], 'logits', signal));
  }

  generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    return this.#exclusive(() => this.#generate(options));
  }

  /**
   * Natural log-probability of every token after the first, at temperature 1: `[tokens.length − 1]`.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST
   */
  scoreTokens(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    const { statistics } = this.#graph;
    const out = new Float32Array(Math.max(0, tokens.length - 1));
    return this.#exclusive(async () => {
      await this.#everyRow(tokens, signal, { tensor: statistics, count: STAT_FIELDS }, (row, values) => {
        if (row < out.length) out[row] = values[STAT_TARGET]! - values[STAT_LOG_SUM_EXP]!;
      });
      return out;
    });
  }

  /** Logits of every position, `[tokens.length, vocabSize]`; for tests and inspection of short sequences. */
  allLogits(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    const { vocabSize } = this.config;
    const out = new Float32Array(tokens.length * vocabSize);
    return this.#exclusive(async () => {
      const read = { tensor: this.#graph.logits, count: vocabSize };
      await this.#everyRow(tokens, signal, read, (row, values) => out.set(values, row * vocabSize));
      return out;
    });
  }

  /** Frees everything this model allocated; the backend lives on. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#cached = [];
    for (const item of this.#owned) item.dispose();
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      if (this.#disposed) throw new AppError('INTERNAL', 'The model has been unloaded.');
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #generate(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const { maxNewTokens, stopTokenIds = [], signal, onToken } = options;
    const sampler = new Sampler(options.sampling);
    const prompt = this.#fit(options);
    const started = performance.now();
    const cachedTokens = this.#keepCommonPrefix(prompt);
    let next = await this.#next(prompt.slice(cachedTokens), sampler, signal);
    const prefilled = performance.now();
    const tokens: number[] = [];
    const logprobs: number[] = [];
    let finishReason: GenerateTokensResult['finishReason'] = 'length';
    for (;;) {
      tokens.push(next.id);
      logprobs.push(next.logprob);
      const asked = onToken?.(next);
      if (stopTokenIds.includes(next.id)) finishReason = 'stop';
      else if (asked === 'stop') finishReason = 'callback';
      if (finishReason !== 'length' || tokens.length >= maxNewTokens) break;
      next = await this.#next([next.id], sampler, signal);
    }
    return {
      ...{ tokens, logprobs, finishReason, cachedTokens },
      promptTokens: prompt.length,
      droppedTokens: options.tokens.length - prompt.length,
      prefillMs: prefilled - started,
      decodeMs: performance.now() - prefilled,
    };
  }

  /** The prompt's last tokens, as many as leave room for the new ones. */
  #fit({ tokens, maxNewTokens, maxPromptTokens }: GenerateTokensOptions): readonly number[] {
    if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) {
      throw new AppError('BAD_INPUT', `${maxNewTokens} new tokens cannot be generated.`, {
        fix: 'Ask for at least one token.',
      });
    }
    const room = Math.min(this.maxContext - maxNewTokens, maxPromptTokens ?? Infinity);
    if (room < 1) {
      const message = `${maxNewTokens} new tokens leave no room for a prompt in a context of ${this.maxContext}.`;
      throw new AppError('CONTEXT_TOO_LONG', message, {
        fix: 'Ask for fewer new tokens, or load the model with a longer context.',
        context: { maxContext: this.maxContext, maxNewTokens },
      });
    }
    return tokens.length > room ? tokens.slice(tokens.length - room) : tokens;
  }

  async #next(
    tokens: readonly number[],
    sampler: Sampler,
    signal: AbortSignal | undefined,
  ): Promise<SampledToken> {
    if (!sampler.greedy) return sampler.sample(await this.#extend(tokens, 'logits', signal));
    // The arg-max is taken on the device: 16 bytes come back instead of the vocabulary.
    const statistics = await this.#extend(tokens, 'statistics', signal);
    return {
      id: statistics[STAT_ARGMAX]!,
      logprob: statistics[STAT_MAXIMUM]! - statistics[STAT_LOG_SUM_EXP]!,
    };
  }

  /** Cuts the cache to its common prefix with `tokens`, less the last token, whose logits must be computed anew. */
  #keepCommonPrefix(tokens: readonly number[]): number {
    const most = Math.min(this.#cached.length, tokens.length - 1);
    let common = 0;
    while (common < most && this.#cached[common] === tokens[common]) common += 1;
    this.#cached.length = common;
    return common;
  }

  /** Appends tokens to the cache and returns the logits or statistics of the last one. */
  async #extend(
    tokens: readonly number[],
    wanted: 'logits' | 'statistics',
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { sizes, body, head, headRows, selected, logits, statistics } = this.#graph;
    this.#check(tokens, this.#cached.length);
    const read: ReadRequest =
      wanted === 'logits'
        ? { tensor: logits, count: this.config.vocabSize }
        : { tensor: statistics, count: STAT_FIELDS };
    for (let from = 0; ; from += sizes.stepRows) {
      throwIfAborted(signal);
      const part = tokens.slice(from, from + sizes.stepRows);
      this.#setRows(part);
      const last = from + part.length >= tokens.length;
      if (last) {
        headRows.value = 1;
        this.#backend.write(selected, Uint32Array.of(part.length - 1));
      }
      const [result] = await this.#run(part, last ? [...body, ...head] : body, last ? [read] : []);
      if (last && result) return result;
    }
  }

  /** Computes a sequence from its beginning and hands out what `read` (of one row) gives for every row. */
  async #everyRow(
    tokens: readonly number[],
    signal: AbortSignal | undefined,
    read: ReadRequest,
    onRow: (row: number, values: Float32Array) => void,
  ): Promise<void> {
    const { sizes, body, head, headRows, selected, targets } = this.#graph;
    this.#check(tokens, 0);
    this.#cached = [];
    for (let from = 0; from < tokens.length; from += sizes.stepRows) {
      throwIfAborted(signal);
      const part = tokens.slice(from, from + sizes.stepRows);
      this.#setRows(part);
      await this.#run(part, body, []);
      for (let first = 0; first < part.length; first += sizes.headRows) {
        const count = Math.min(sizes.headRows, part.length - first);
        headRows.value = count;
        this.#backend.write(
          selected,
          Uint32Array.from({ length: count }, (_, i) => first + i),
        );
        this.#backend.write(
          targets,
          Uint32Array.from({ length: count }, (_, i) => tokens[from + first + i + 1] ?? 0),
        );
        const request = { tensor: read.tensor, count: count * read.count };
        const [values] = await this.#backend.run(head, [request]);
        for (let i = 0; values && i < count; i += 1) {
          onRow(from + first + i, values.subarray(i * read.count, (i + 1) * read.count));
        }
      }
    }
  }

  #setRows(tokens: readonly number[]): void {
    const { rows, rowTable } = this.#graph;
    const table = new Uint32Array(tokens.length * ROW_FIELDS);
    tokens.forEach((token, i) => {
      table[i * ROW_FIELDS + ROW_TOKEN] = token;
      table[i * ROW_FIELDS + ROW_POSITION] = this.#cached.length + i;
    });
    rows.value = tokens.length;
    rows.oneSequence = true;
    this.#backend.write(rowTable, table);
  }

  async #run(
    tokens: readonly number[],
    operations: Graph['body'],
    reads: ReadRequest[],
  ): Promise<Float32Array[]> {
    const results = await this.#backend.run(operations, reads);
    // Only now: after an error the cache is known to hold what it held before.
    for (const token of tokens) this.#cached.push(token);
    return results;
  }

  #check(tokens: readonly number[], cached: number): void {
    const { vocabSize } = this.config;
    if (tokens.length === 0) {
      throw new AppError('BAD_INPUT', 'There are no tokens to compute.', { fix: 'Give at least one token.' });
    }
    if (cached + tokens.length > this.maxContext) {
      const message = `${cached + tokens.length} tokens do not fit into a context of ${this.maxContext}.`;
      throw new AppError('CONTEXT_TOO_LONG', message, {
        fix: 'Shorten the text, or load the model with a longer context.',
        context: { tokens: cached + tokens.length, maxContext: this.maxContext },
      });
    }
    for (const token of tokens) {
      if (Number.isSafeInteger(token) && token >= 0 && token < vocabSize) continue;
      throw new AppError('BAD_INPUT', `${token} is not a token of this model (0 … ${vocabSize - 1}).`, {
        fix: 'Use the tokenizer that came with the model.',
      });
    }
  }
}
