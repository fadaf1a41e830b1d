/** A loaded language model: sequences over one KV cache, decoded together, each keeping its place between calls. */
import type { Backend } from '../gpu/backend';
import { STAT_FIELDS, STAT_LOG_SUM_EXP, STAT_TARGET } from '../gpu/backend';
import type { SampleSettings } from '../gpu/cpu/sample';
import { AppError } from '../protocol/errors';
import type { ModelConfig } from './config';
import { fitPrompt } from './fit-prompt';
import type { Graph } from './graph';
import type { LoraAdapter } from './lora/adapter';
import { samplingSettings, type SampledToken, type SamplingOptions } from './sampling';
import { AdapterJob, AppendJob, PrefillJob } from './scheduler/cache-jobs';
import { Generation } from './scheduler/generation';
import type { Job } from './scheduler/job';
import { Pace } from './scheduler/pace';
import { Prefill } from './scheduler/prefill';
import { Scheduler } from './scheduler/scheduler';
import { ScoringJob, type ScoringRequest } from './scheduler/scoring-job';
import { Slots } from './scheduler/slots';
import { StepRunner, type Part } from './scheduler/step-runner';
import type { WorkingSet } from './scheduler/working-set';
import type { ModelWeights } from './weights';

export interface GenerateTokensOptions {
  /** The prompt, at least one token. */
  tokens: readonly number[];
  maxNewTokens: number;
  sampling: SamplingOptions;
  /** Generation ends after one of these; it is part of the result. */
  stopTokenIds?: readonly number[];
  /** Prompts longer than this lose their first tokens. Default and upper bound: `maxContext − maxNewTokens`. */
  maxPromptTokens?: number;
  /** A resident adapter. Default: the model itself. */
  adapter?: string;
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

export interface ComputeOptions {
  /** A resident adapter. Default: the model itself. */
  adapter?: string;
  signal?: AbortSignal;
}

export interface ScoreOptions extends ComputeOptions {
  /** > 0; logits are divided by it. Default 1. */
  temperature?: number;
}

export interface PrefillResult {
  /** `[vocabSize]`, of the last position. */
  logits: Float32Array;
  cachedTokens: number;
}

export interface ModelParts {
  backend: Backend;
  config: ModelConfig;
  weights: ModelWeights;
  graph: Graph;
  working: WorkingSet;
  /** Everything that goes with the model. */
  owned: readonly { dispose(): void }[];
  /** Decode steps a submit; measured where it is not given. */
  stepsPerSubmit: number | undefined;
  patienceMs: number | undefined;
}

/**
 * Calls may overlap. Generations decode together, as many as there are slots; everything else waits its turn, in the order of the
 * calls, and is done beside them.
 */
export class LoadedModel {
  readonly config: ModelConfig;
  /** In the backend's memory, freed with the model: a trainer computes on the same ones. */
  readonly weights: ModelWeights;
  readonly maxContext: number;
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #owned: readonly { dispose(): void }[];
  readonly #slots: Slots;
  readonly #tools: { runner: StepRunner; pace: Pace };
  readonly #scheduler: Scheduler;
  #disposed = false;

  constructor(parts: ModelParts) {
    const { backend, config, weights, graph, working, owned, stepsPerSubmit, patienceMs } = parts;
    const { capacity, slots, stepRows } = graph.sizes;
    this.config = config;
    this.weights = weights;
    this.maxContext = capacity;
    this.#backend = backend;
    this.#graph = graph;
    this.#owned = owned;
    this.#slots = new Slots(slots);
    const pace = new Pace(stepRows, stepsPerSubmit);
    const runner = new StepRunner(backend, graph, working, pace);
    this.#tools = { runner, pace };
    const decode = (rows: readonly Generation[], steps: number): Promise<SampledToken[][]> => {
      const parts = rows.map(({ slot, next }) => ({ slot, tokens: [next] }));
      return runner.sample(parts, steps);
    };
    this.#scheduler = new Scheduler({ slots: this.#slots, pace, capacity, decode, patienceMs });
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

  /** Ids of the resident adapters. */
  get adapters(): readonly string[] {
    return [...this.#graph.adapters.all.keys()];
  }

  /**
   * Brings an adapter into memory, beside the others.
   * @throws AppError BAD_INPUT (id in use, other model), OUT_OF_MEMORY, DEVICE_LOST
   */
  async addAdapter(id: string, adapter: LoraAdapter): Promise<void> {
    this.#expectLoaded();
    await this.#graph.adapters.add(id, adapter);
    if (!this.#disposed) return;
    this.#graph.adapters.remove(id);
    this.#expectLoaded();
  }

  /** Frees an adapter, once the sequences that use it have ended. Unknown ids are no error. */
  removeAdapter(id: string): Promise<void> {
    const remove = (): void => {
      this.#slots.forget({ adapter: id });
      this.#graph.adapters.remove(id);
    };
    return this.#queue(new AdapterJob(id, remove));
  }

  /**
   * Brings a slot to exactly `tokens`, computing only what follows the longest common prefix.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, NOT_FOUND (adapter), ABORTED, DEVICE_LOST
   */
  async prefill(
    tokens: readonly number[],
    options: AbortSignal | ComputeOptions = {},
  ): Promise<PrefillResult> {
    const { adapter, signal } = readOptions(options);
    this.#check(tokens, adapter);
    const wanted = { tokens: [...tokens], adapter };
    const prefill = new Prefill(wanted, this.#tools, (last) => this.#logits(last));
    const { value, cachedTokens } = await this.#queue(new PrefillJob(prefill, signal));
    return { logits: value, cachedTokens };
  }

  /** Appends one token to the slot that was used last; the logits are those of its successor. */
  async decode(token: number, signal?: AbortSignal): Promise<Float32Array> {
    this.#check([token]);
    const compute = (part: Part): Promise<Float32Array> => {
      this.#check(part.tokens, part.slot.adapter, part.slot.tokens.length);
      return this.#logits(part);
    };
    return this.#queue(new AppendJob(token, signal, compute));
  }

  /** @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, NOT_FOUND (adapter), ABORTED, DEVICE_LOST, and what `onToken` throws */
  async generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const { adapter, maxNewTokens, stopTokenIds = [], signal, onToken } = options;
    const prompt = fitPrompt(options, this.maxContext);
    this.#check(prompt, adapter);
    const settings = samplingSettings(options.sampling);
    const prefill = new Prefill({ tokens: prompt, adapter }, this.#tools, (last) =>
      this.#firstToken(last, settings, prompt),
    );
    const request = { maxNewTokens, stopTokenIds, signal, onToken };
    const result = await this.#queue(new Generation(request, prefill));
    return {
      ...result,
      promptTokens: prompt.length,
      droppedTokens: options.tokens.length - prompt.length,
    };
  }

  /**
   * Natural log-probability of every token after the first, at temperature 1 where none is given: `[tokens.length − 1]`.
   * @throws AppError CONTEXT_TOO_LONG, BAD_INPUT, NOT_FOUND (adapter), ABORTED, DEVICE_LOST
   */
  async scoreTokens(
    tokens: readonly number[],
    options: AbortSignal | ScoreOptions = {},
  ): Promise<Float32Array> {
    const [scores] = await this.scoreSequences([tokens], options);
    return scores ?? new Float32Array(0);
  }

  /** `scoreTokens` of several sequences; short ones are computed together, where there are slots for them. */
  async scoreSequences(
    sequences: readonly (readonly number[])[],
    options: AbortSignal | ScoreOptions = {},
  ): Promise<Float32Array[]> {
    const { temperature = 1, ...rest }: ScoreOptions = readOptions(options);
    if (!(temperature > 0 && Number.isFinite(temperature))) {
      throw new AppError('BAD_INPUT', `Nothing can be scored at the temperature ${temperature}.`, {
        fix: 'Use a temperature above 0.',
      });
    }
    const head = await this.#graph.headAt(temperature);
    const scores = sequences.map((tokens) => new Float32Array(Math.max(0, tokens.length - 1)));
    const read = { tensor: this.#graph.statistics, count: STAT_FIELDS };
    const onRow: ScoringRequest['onRow'] = (sequence, row, values) => {
      const out = scores[sequence];
      if (out && row < out.length) out[row] = values[STAT_TARGET]! / temperature - values[STAT_LOG_SUM_EXP]!;
    };
    await this.#everyRow(sequences, rest, { read, onRow, head });
    return scores;
  }

  /** Logits of every position, `[tokens.length, vocabSize]`; for tests and inspection of short sequences. */
  async allLogits(
    tokens: readonly number[],
    options: AbortSignal | ComputeOptions = {},
  ): Promise<Float32Array> {
    const { vocabSize } = this.config;
    const out = new Float32Array(tokens.length * vocabSize);
    const read = { tensor: this.#graph.logits, count: vocabSize };
    const onRow: ScoringRequest['onRow'] = (_, row, values) => out.set(values, row * vocabSize);
    await this.#everyRow([tokens], readOptions(options), { read, onRow });
    return out;
  }

  /** Frees everything this model allocated and ends what is under way; the backend lives on. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#tools.runner.close();
    this.#scheduler.dispose();
    this.#slots.forget();
    this.#graph.adapters.dispose();
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

  async #firstToken(last: Part, settings: SampleSettings, prompt: readonly number[]): Promise<SampledToken> {
    const { runner } = this.#tools;
    runner.setSampling(last.slot, settings, prompt);
    const [[token] = []] = await runner.sample([last]);
    runner.append([last]);
    if (!token) throw new AppError('INTERNAL', 'The step gave no token.');
    return token;
  }

  async #everyRow(
    sequences: readonly (readonly number[])[],
    { adapter, signal }: ComputeOptions,
    reading: Pick<ScoringRequest, 'read' | 'onRow' | 'head'>,
  ): Promise<void> {
    for (const tokens of sequences) this.#check(tokens, adapter);
    if (sequences.length === 0) return;
    const request = { sequences: sequences.map((tokens) => [...tokens]), adapter, signal, ...reading };
    await this.#queue(new ScoringJob(request, this.#tools));
  }

  #expectLoaded(): void {
    if (this.#disposed) throw new AppError('INTERNAL', 'The model has been unloaded.');
  }

  /** @param cached Tokens that lie before these. */
  #check(tokens: readonly number[], adapter?: string, cached = 0): void {
    this.#expectLoaded();
    this.#graph.program(adapter);
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

const readOptions = <T extends ComputeOptions>(options: AbortSignal | T): ComputeOptions | T =>
  options instanceof AbortSignal ? { signal: options } : options;
