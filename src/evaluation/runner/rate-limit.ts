import type { Clock } from '../../protocol/clock';
import { throwIfAborted } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';

/** Lets calls through one after another so that no minute has more than so many of them. */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #next = -Infinity;

  constructor(perMinute: number, clock: Clock) {
    this.#intervalMs = 60_000 / perMinute;
    this.#clock = clock;
  }

  async take(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const now = this.#clock.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#intervalMs;
    if (at > now) await this.#clock.sleep(at - now, signal);
  }
}

/** The model behind the limit, which several may share. */
export function rateLimited(model: LanguageModel, limit: RateLimit): LanguageModel {
  return {
    id: model.id,
    countTokens: (texts) => model.countTokens(texts),
    async *generate(request, signal) {
      await limit.take(signal);
      yield* model.generate(request, signal);
    },
  };
}
