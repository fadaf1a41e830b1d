import { AppError } from '../../protocol/errors';
import type { SampledToken } from '../sampling';
import { Outcome, type Job } from './job';
import type { Prefill } from './prefill';
import type { Slot, Slots } from './slots';

export interface GenerationRequest {
  maxNewTokens: number;
  stopTokenIds: readonly number[];
  signal: AbortSignal | undefined;
  onToken: ((token: SampledToken) => 'stop' | undefined) | undefined;
}

export interface GenerationResult {
  tokens: number[];
  logprobs: number[];
  finishReason: 'stop' | 'callback' | 'length';
  cachedTokens: number;
  prefillMs: number;
  decodeMs: number;
}

/** One sequence from its prompt to its last token. */
export class Generation implements Job {
  readonly signal: AbortSignal | undefined;
  readonly #request: GenerationRequest;
  readonly #prefill: Prefill<SampledToken>;
  readonly #outcome = new Outcome<GenerationResult>();
  readonly #tokens: number[] = [];
  readonly #logprobs: number[] = [];
  #started = 0;
  #prefilled = 0;

  constructor(request: GenerationRequest, prefill: Prefill<SampledToken>) {
    this.signal = request.signal;
    this.#request = request;
    this.#prefill = prefill;
  }

  get promise(): Promise<GenerationResult> {
    return this.#outcome.promise;
  }

  get slot(): Slot {
    return this.#prefill.slot;
  }

  /** The token that the next step computes. */
  get next(): number {
    return this.#tokens.at(-1) ?? 0;
  }

  /** Most tokens that can still come. */
  get remaining(): number {
    return this.#request.maxNewTokens - this.#tokens.length;
  }

  start(slots: Slots): boolean {
    this.#started = performance.now();
    return this.#prefill.start(slots);
  }

  async advance(): Promise<'more' | 'decode' | 'done'> {
    const first = await this.#prefill.advance();
    if (!first) return 'more';
    this.#prefilled = performance.now();
    return this.accept(first) ? 'done' : 'decode';
  }

  /**
   * Takes the next token. True: the sequence has ended, and its promise is settled.
   * What `onToken` throws ends this sequence alone.
   */
  accept(token: SampledToken): boolean {
    const { stopTokenIds, onToken } = this.#request;
    try {
      if (Number.isNaN(token.logprob)) throw numbersBroke();
      this.#tokens.push(token.id);
      this.#logprobs.push(token.logprob);
      const asked = onToken?.(token);
      if (stopTokenIds.includes(token.id)) this.#finish('stop');
      else if (asked === 'stop') this.#finish('callback');
      else if (this.remaining <= 0) this.#finish('length');
      else return false;
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  fail(error: unknown): void {
    this.#prefill.release();
    this.#outcome.reject(error);
  }

  #finish(finishReason: GenerationResult['finishReason']): void {
    this.#prefill.release();
    this.#outcome.resolve({
      ...{ tokens: this.#tokens, logprobs: this.#logprobs, finishReason },
      cachedTokens: this.#prefill.cachedTokens,
      prefillMs: this.#prefilled - this.#started,
      decodeMs: performance.now() - this.#prefilled,
    });
  }
}

const numbersBroke = (): AppError =>
  new AppError('INTERNAL', 'The model computed something that is not a number.', {
    fix: 'Load the model again, on the CPU if it happens again, and report this with the name of your graphics adapter.',
  });
