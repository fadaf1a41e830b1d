/** Which work of the page uses which models now, so that room for one is not made by unloading what another is using. */
import { AppError, toEnvelope } from '../protocol/errors';

export type Work = 'question' | 'evaluation';

const NAMES: Readonly<Record<Work, string>> = {
  question: 'A question on the Ask page',
  evaluation: 'An evaluation',
};

export class ModelsInUse {
  readonly #held = new Map<Work, Set<string>>();

  /** In addition to what the work holds already. */
  hold(by: Work, ids: readonly string[]): void {
    this.#held.set(by, new Set([...(this.#held.get(by) ?? []), ...ids]));
  }

  release(by: Work): void {
    this.#held.delete(by);
  }

  /** Ids that may not be unloaded for `by`: its own, and what any other work holds. */
  keptFor(by: Work, own: readonly string[]): string[] {
    return [...new Set([...own, ...this.#others(by).flatMap(([, ids]) => [...ids])])];
  }

  /** Runs a load; where there is no room because other work holds its models, the error says which. */
  async load<T>(by: Work, load: () => Promise<T>): Promise<T> {
    try {
      return await load();
    } catch (cause) {
      const { code, message, fix } = toEnvelope(cause);
      const [other] = this.#others(by).find(([, ids]) => ids.size > 0) ?? [];
      if (code !== 'OUT_OF_MEMORY' || other === undefined) throw cause;
      throw new AppError(code, `${message} ${NAMES[other]} is under way and needs its models.`, {
        fix: `Wait until it has ended, or stop it. ${fix}`.trim(),
        recoverable: true,
        cause,
      });
    }
  }

  #others(by: Work): [Work, ReadonlySet<string>][] {
    return [...this.#held].filter(([work]) => work !== by);
  }
}
