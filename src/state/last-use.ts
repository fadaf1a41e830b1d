/** When each corpus was last searched, on this device. */
import * as v from 'valibot';

const KEY = 's3-web.corpora-used';
const schema = v.record(v.string(), v.string());

export class LastUse {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | null;
  readonly #now: () => string;
  #times: Record<string, string>;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | null, now: () => string) {
    this.#storage = storage;
    this.#now = now;
    this.#times = this.#read();
  }

  of(id: string): string | undefined {
    return Object.hasOwn(this.#times, id) ? this.#times[id] : undefined;
  }

  note(id: string): void {
    this.#times = { ...this.#times, [id]: this.#now() };
    this.#write();
  }

  forget(id: string): void {
    const { [id]: _gone, ...rest } = this.#times;
    this.#times = rest;
    this.#write();
  }

  #read(): Record<string, string> {
    try {
      const parsed = v.safeParse(schema, JSON.parse(this.#storage?.getItem(KEY) ?? '{}'));
      return parsed.success ? parsed.output : {};
    } catch {
      return {}; // Not ours to repair; the next use writes it anew.
    }
  }

  #write(): void {
    try {
      this.#storage?.setItem(KEY, JSON.stringify(this.#times));
    } catch {
      // A full disk is told where it matters; this is a convenience.
    }
  }
}
