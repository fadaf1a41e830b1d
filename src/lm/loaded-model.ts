/** A loaded language model: sequences over one KV cache, decoded together, each keeping its place between calls. */
import type { Backend } from '../gpu/backend';
import { STAT_ARGMAX, STAT_FIELDS, STAT_LOG_SUM_EXP, STAT_MAXIMUM, STAT_TARGET } from '../gpu/backend';
import { AppError } from '../protocol/errors';
import type { ModelConfig } from './config';
import { fitPrompt } from './fit-prompt';
import type { Graph } from './graph';
import { Sampler, type SampledToken, type SamplingOptions } from './sampling';
import { AppendJob, PrefillJob } from './scheduler/cache-jobs';
import { Generation } from './scheduler/generation';
import type { Job } from './scheduler/job';
import { Pace } from './scheduler/pace';
import { Prefill } from './scheduler/prefill';
import { Scheduler } from './scheduler/scheduler';
import { ScoringJob } from './scheduler/scoring-job';
import { Slots } from './scheduler/slots';
import { StepRunner, type Part } from './scheduler/step-runner';
import type { WorkingSet } from './scheduler/working-set';

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
  /** From the sequence's turn to its first token, and from there to its last. */
  prefillMs: number;
  decodeMs: number;
}

export interface PrefillResult {
  /** `[vocabSize]`, of the last position. */
  logits: Float32Array;
  cachedTokens: number;
}

export interface ModelParts {
  backend: Backend;
  config: ModelConfig;
  graph: Graph;
  working: WorkingSet;
  /** Everything that goes with the model. */
  owned: readonly { dispose(): void }[];
  /** Decode steps a submit; measured where it is not given. */
  stepsPerSubmit: number | undefined;
}

/**
 * Calls may overlap. Generations decode together, as many as there are slots; everything else waits its turn, in the order of the
 * calls, and is done beside them.
 */
export class LoadedModel {
  readonly config: ModelConfig;
  readonly maxContext: number;
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #owned: readonly { dispose(): void }[];
  readonly #slots: Slots;
  readonly #tools: { runner: StepRunner; pace: Pace };
  readonly #scheduler: Scheduler;
  #disposed = false;

  constructor({ backend, config, graph, working, owned, stepsPerSubmit }: ModelParts) {
    const { capacity, slots, stepRows } = graph.sizes;
    this.config = config;
    this.maxContext = capacity;
    this.#backend = backend;
    this.#graph = graph;
    this.#owned = owned;
    this.#slots = new Slots(slots);
    const pace = new Pace(stepRows, stepsPerSubmit);
    const runner = new StepRunner(backend, graph, working, pace);
    this.#tools = { runner, pace };
    const decode = (rows: readonly Generation[]): Promise<SampledToken[][]> => this.#decode(rows);
    this.#scheduler = new Scheduler({ slots: this.#slots, pace, capacity, decode });
  }

  get backend(): Backend {
    return this.#backend;
  }

  /** Sequences that can decode together. */
  get slots(): number {
    return this.#slots.count;
  }

  /** Number of tokens that the cache holds, over all slots. */
  get cachedTokens(): number {
    return this.#slots.cachedTokens;
  }

  /** Forgets the cached tokens; the memory stays. Sequences under way are not disturbed. */
  resetCache(): void {
    this.#slots.forget();
  }

  /**
   * Brings a slot to exactly `tokens`, computing only what follows the longest common prefix.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST
   */
  async prefill(tokens: readonly number[], signal?: AbortSignal): Promise<PrefillResult> {
    this.#check(tokens);
    const prefill = new Prefill([...tokens], this.#tools, (last) => this.#logits(last));
    const { value, cachedTokens } = await this.#queue(new PrefillJob(prefill, signal));
    return { logits: value, cachedTokens };
  }

  /** Appends one token to the slot that was used last; the logits are those of its successor. */
  async decode(token: number, signal?: AbortSignal): Promise<Float32Array> {
    this.#check([token]);
    const compute = (part: Part): Promise<Float32Array> => {
      this.#check(part.tokens, part.slot.tokens.length);
      return this.#logits(part);
    };
    return this.#queue(new AppendJob(token, signal, compute));
  }

  /** @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST, and what `onToken` throws */
  async generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const prompt = fitPrompt(options, this.maxContext);
    this.#check(prompt);
    const { maxNewTokens, stopTokenIds = [], signal, onToken } = options;
    const sampler = new Sampler(options.sampling);
    const prefill = new Prefill(prompt, this.#tools, (last) => this.#firstToken(last, sampler));
    const request = { maxNewTokens, stopTokenIds, signal, onToken, sampler };
    const result = await this.#queue(new Generation(request, prefill));
    return {
      ...result,
      promptTokens: prompt.length,
      droppedTokens: options.tokens.length - prompt.length,
    };
  }

  /**
   * Natural log-probability of every token after the first, at temperature 1: `[tokens.length − 1]`.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, ABORTED, DEVICE_LOST
   */
  async scoreTokens(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    const [scores] = await this.scoreSequences([tokens], signal);
    return scores ?? new Float32Array(0);
  }

  /** `scoreTokens` of several sequences; short ones are computed together, where there are slots for them. */
  async scoreSequences(
    sequences: readonly (readonly number[])[],
    signal?: AbortSignal,
  ): Promise<Float32Array[]> {
    for (const tokens of sequences) this.#check(tokens);
    const scores = sequences.map((tokens) => new Float32Array(tokens.length - 1));
    const read = { tensor: this.#graph.statistics, count: STAT_FIELDS };
    const onRow = (sequence: number, row: number, values: Float32Array): void => {
      const out = scores[sequence];
      if (out && row < out.length) out[row] = values[STAT_TARGET]! - values[STAT_LOG_SUM_EXP]!;
    };
    if (sequences.length > 0) {
      await this.#queue(new ScoringJob({ sequences: [...sequences], read, onRow, signal }, this.#tools));
    }
    return scores;
  }

  /** Logits of every position, `[tokens.length, vocabSize]`; for tests and inspection of short sequences. */
  async allLogits(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    this.#check(tokens);
    const { vocabSize } = this.config;
    const out = new Float32Array(tokens.length * vocabSize);
    const read = { tensor: this.#graph.logits, count: vocabSize };
    const onRow = (_: number, row: number, values: Float32Array): void => out.set(values, row * vocabSize);
    await this.#queue(new ScoringJob({ sequences: [tokens], read, onRow, signal }, this.#tools));
    return out;
  }

  /** Frees everything this model allocated and ends what is under way; the backend lives on. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#tools.runner.close();
    this.#scheduler.dispose();
    this.#slots.forget();
    for (const item of this.#owned) item.dispose();
  }

  #queue<T>(job: Job & { promise: Promise<T> }): Promise<T> {
    this.#scheduler.add(job);
    return job.promise;
  }

  async #logits(part: Part): Promise<Float32Array> {
    const read = { tensor: this.#graph.logits, count: this.config.vocabSize };
    const [logits] = await this.#tools.runner.extendAndRead([part], [read]);
    return logits ?? new Float32Array(0);
  }

  async #firstToken(last: Part, sampler: Sampler): Promise<SampledToken> {
    const [[token] = []] = await this.#sample([last], [sampler]);
    this.#tools.runner.append([last]);
    if (!token) throw new AppError('INTERNAL', 'The step gave no token.');
    return token;
  }

  #decode(rows: readonly Generation[]): Promise<SampledToken[][]> {
    const parts = rows.map(({ slot, next }) => ({ slot, tokens: [next] }));
    return this.#sample(
      parts,
      rows.map(({ sampler }) => sampler),
    );
  }

  async #sample(parts: readonly Part[], samplers: readonly Sampler[]): Promise<SampledToken[][]> {
    const { vocabSize } = this.config;
    const { logits, statistics } = this.#graph;
    const reads = [{ tensor: statistics, count: parts.length * STAT_FIELDS }];
    // The arg-max is taken on the device: 16 bytes come back instead of the vocabulary.
    if (samplers.some(({ greedy }) => !greedy))
      reads.push({ tensor: logits, count: parts.length * vocabSize });
    const [stats, scores] = await this.#tools.runner.decode(parts, reads);
    const tokens = samplers.map((sampler, row) => {
      if (!sampler.greedy && scores)
        return sampler.sample(scores.subarray(row * vocabSize, (row + 1) * vocabSize));
      const at = row * STAT_FIELDS;
      return {
        id: stats?.[at + STAT_ARGMAX] ?? 0,
        logprob: (stats?.[at + STAT_MAXIMUM] ?? 0) - (stats?.[at + STAT_LOG_SUM_EXP] ?? 0),
      };
    });
    return [tokens];
  }

  /** @param cached Tokens that lie before these. */
  #check(tokens: readonly number[], cached = 0): void {
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
