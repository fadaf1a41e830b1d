/** Work under way, by name: it can be stopped and waited for. */
export class Running {
  readonly #works = new Map<string, { abort: AbortController; done: Promise<unknown> }>();

  has(name: string): boolean {
    return this.#works.has(name);
  }

  /** Runs a work that never rejects. One of the same name is stopped, and ended, before. */
  async run<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const before = this.stop(name);
    const abort = new AbortController();
    const done = before.then(() => work(abort.signal));
    const entry = { abort, done };
    this.#works.set(name, entry);
    const result = await done;
    if (this.#works.get(name) === entry) this.#works.delete(name);
    return result;
  }

  /** Resolves when the work has ended; nothing of that name is no error. */
  async stop(name: string): Promise<void> {
    const work = this.#works.get(name);
    work?.abort.abort();
    await work?.done;
  }
}
