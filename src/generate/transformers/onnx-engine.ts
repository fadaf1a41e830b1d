/**
 * A causal language model of `@huggingface/transformers` as a `TokenEngine`. The library computes logits and keeps the cache; tokens are
 * chosen by the project's own sampler, since the library leaves top-p out without a word and knows no seed per call.
 */
import { fitPrompt } from '../../lm/fit-prompt';
import type { GenerateTokensOptions, GenerateTokensResult } from '../../lm/loaded-model';
import type { TokenEngine } from '../../lm/local-model';
import { Sampler, type SampledToken } from '../../lm/sampling';
import type { TransformersLibrary } from '../../protocol/encoder';
import { AppError, throwIfAborted } from '../../protocol/errors';
import { nextTask } from '../../retrieval/yielding';

export type CausalModel = Awaited<ReturnType<TransformersLibrary['AutoModelForCausalLM']['from_pretrained']>>;
type Tensor = InstanceType<TransformersLibrary['Tensor']>;
type Cache = InstanceType<TransformersLibrary['DynamicCache']>;

/** Settings of the library, all such that the logits come out as the model gives them, whatever its own settings say. */
const PLAIN = {
  do_sample: false,
  num_beams: 1,
  repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  min_length: 0,
  min_new_tokens: 0,
  // Ends are looked for here.
  eos_token_id: null,
};

function requireUsable(logits: Float32Array): void {
  const [first = NaN] = logits;
  if (Number.isFinite(first) && logits.some((x) => x !== first) && !logits.some(Number.isNaN)) return;
  throw new AppError('DEVICE_LOST', 'The model computes nonsense on this device.', {
    fix: 'Choose WASM for this model, or update the browser and the graphics driver.',
    recoverable: true,
  });
}

export class OnnxEngine implements TokenEngine {
  readonly maxContext: number;
  /** Resolves when everything is freed, after `dispose`. */
  readonly disposed: Promise<void>;
  readonly #library: TransformersLibrary;
  readonly #model: CausalModel;
  /** Keys and values of the last sequence, and its tokens: a sequence that begins with all of them goes on from there. */
  #kept: { cache: Cache; tokens: number[] } | undefined;
  /** The end of the queue of calls: the runtime runs one at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #disposing = false;
  #freed: () => void = () => undefined;

  constructor(library: TransformersLibrary, model: CausalModel, maxContext: number) {
    this.#library = library;
    this.#model = model;
    this.maxContext = maxContext;
    this.disposed = new Promise((resolve) => (this.#freed = resolve));
    const forward = model.forward.bind(model);
    model.forward = async (inputs): Promise<unknown> => {
      // On WASM a step blocks the thread: between steps, messages such as an abort must come through.
      await nextTask();
      return forward(inputs) as Promise<unknown>;
    };
  }

  /** @throws AppError BAD_INPUT, CONTEXT_TOO_LONG, ABORTED, DEVICE_LOST, OUT_OF_MEMORY */
  generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const result = this.#last.then(() => {
      if (this.#disposing) throw new AppError('INTERNAL', 'The model has been unloaded.');
      return this.#generate(options);
    });
    this.#last = result.catch(() => undefined); // The caller hears of it; the next call is not to.
    return result;
  }

  /** Frees the model once what runs has ended. */
  dispose(): void {
    if (this.#disposing) return;
    this.#disposing = true;
    const free = async (): Promise<void> => {
      await this.#kept?.cache.dispose();
      await this.#model.dispose();
    };
    void this.#last.then(free).then(this.#freed, this.#freed);
  }

  async #generate(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const { maxNewTokens, stopTokenIds = [], signal, onToken } = options;
    throwIfAborted(signal);
    if (options.adapter !== undefined) {
      throw new AppError('UNSUPPORTED', 'Models of transformers.js take no adapters.', {
        fix: 'Choose a checkpoint that runs on the engine of this page.',
      });
    }
    const prompt = fitPrompt(options, this.maxContext);
    if (prompt.length === 0) {
      throw new AppError('BAD_INPUT', 'There are no tokens to compute.', { fix: 'Give at least one token.' });
    }
    const sampler = new Sampler(options.sampling, prompt);
    const started = performance.now();
    let prefilled = started;
    const [tokens, logprobs]: [number[], number[]] = [[], []];
    let finishReason: GenerateTokensResult['finishReason'] | undefined;
    let failure: { error: unknown } | undefined;

    const accept = (token: SampledToken): void => {
      if (tokens.length === 0) prefilled = performance.now();
      tokens.push(token.id);
      logprobs.push(token.logprob);
      const asked = onToken?.(token);
      if (stopTokenIds.includes(token.id)) finishReason = 'stop';
      else if (asked === 'stop') finishReason = 'callback';
      else if (tokens.length >= maxNewTokens) finishReason = 'length';
    };
    /** `logits` [1, vocabulary]; leaves only the chosen token possible. */
    const choose = (logits: Tensor): Tensor => {
      const row = logits.data as Float32Array;
      let chosen = 0;
      try {
        throwIfAborted(signal);
        if (tokens.length === 0) requireUsable(row);
        const token = sampler.sample(row);
        chosen = token.id;
        accept(token);
      } catch (error) {
        // Thrown through the library, it would leave the cache's buffers behind.
        failure = { error };
      }
      row.fill(-Infinity);
      row[chosen] = 0;
      return logits;
    };
    const ended = (): boolean => failure !== undefined || finishReason !== undefined;
    const { cache, cachedTokens } = await this.#resume(prompt);
    try {
      await this.#run(prompt, maxNewTokens, cache, choose, ended);
    } catch (error) {
      await cache.dispose();
      throw failure?.error ?? describeRun(error);
    }
    // The last token was chosen, but not computed.
    await this.#keep(cache, [...prompt, ...tokens.slice(0, -1)], failure === undefined);
    if (failure) throw failure.error;
    return {
      ...{ tokens, logprobs, finishReason: finishReason ?? 'length', cachedTokens },
      promptTokens: prompt.length,
      droppedTokens: options.tokens.length - prompt.length,
      prefillMs: prefilled - started,
      decodeMs: performance.now() - prefilled,
    };
  }

  /** One call of the library's loop; `choose` is asked at every step, and `ended` after it. */
  async #run(
    prompt: readonly number[],
    maxNewTokens: number,
    cache: Cache,
    choose: (logits: Tensor) => Tensor,
    ended: () => boolean,
  ): Promise<void> {
    const { Tensor, LogitsProcessor, LogitsProcessorList, StoppingCriteria } = this.#library;
    class Choose extends LogitsProcessor {
      override _call(_ids: bigint[][], logits: Tensor): Tensor {
        return choose(logits);
      }
    }
    class Ended extends StoppingCriteria {
      override _call(ids: number[][]): boolean[] {
        return ids.map(ended);
      }
    }
    const processors = new LogitsProcessorList();
    processors.push(new Choose());
    const dims = [1, prompt.length];
    const ids = BigInt64Array.from(prompt, BigInt);
    await this.#model.generate({
      ...PLAIN,
      inputs: new Tensor('int64', ids, dims),
      attention_mask: new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), dims),
      max_new_tokens: maxNewTokens,
      past_key_values: cache,
      logits_processor: processors,
      stopping_criteria: new Ended(),
    } as unknown as Parameters<CausalModel['generate']>[0]);
  }

  /** The kept cache where the prompt goes on from it, else a new one. */
  async #resume(prompt: readonly number[]): Promise<{ cache: Cache; cachedTokens: number }> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept && kept.tokens.length < prompt.length && kept.tokens.every((token, i) => token === prompt[i])) {
      return { cache: kept.cache, cachedTokens: kept.tokens.length };
    }
    await kept?.cache.dispose();
    return { cache: new this.#library.DynamicCache(), cachedTokens: 0 };
  }

  /** Keeps a cache that is known to hold these tokens, and no other. */
  async #keep(cache: Cache, tokens: number[], whole: boolean): Promise<void> {
    if (whole && lengthOf(cache) === tokens.length) this.#kept = { cache, tokens };
    else await cache.dispose();
  }
}

/** Positions in a cache; undefined for models whose state is not one of positions. */
function lengthOf(cache: Cache): number | undefined {
  const names = Object.keys(cache);
  return names.length > 0 && names.every((name) => name.startsWith('past_key_values.'))
    ? cache.get_seq_length()
    : undefined;
}

function describeRun(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/out of memory|bad_alloc|allocat/i.test(message)) {
    return new AppError('OUT_OF_MEMORY', 'There is not enough memory for this text.', {
      fix: 'Shorten the text, or choose a smaller model.',
      recoverable: true,
      cause: error,
    });
  }
  return new AppError('DEVICE_LOST', `The model stopped in the middle: ${message.slice(0, 200)}`, {
    fix: 'Load the model again, or choose WASM.',
    recoverable: true,
    cause: error,
  });
}
