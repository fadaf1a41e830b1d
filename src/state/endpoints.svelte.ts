import * as v from 'valibot';
import type { ConnectionReport, Endpoint, Endpoints, Laboratory } from './laboratory';

export type EndpointRole = 'searcher' | 'generator';
export const ENDPOINT_ROLES: EndpointRole[] = ['searcher', 'generator'];

const KEY = 's3-web.endpoints';

const endpointSchema = v.object({
  baseUrl: v.pipe(v.string(), v.maxLength(500)),
  model: v.pipe(v.string(), v.maxLength(200)),
  key: v.pipe(v.string(), v.maxLength(500)),
});
const storedSchema = v.partial(v.object({ searcher: endpointSchema, generator: endpointSchema }));

export type EndpointStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * Addresses and keys of the endpoints. They are in memory alone, unless the user ticks "remember on this device" for one;
 * they are in no URL, no trace and no report.
 */
export class EndpointSettings {
  current = $state.raw<Endpoints>({ searcher: null, generator: null });
  remembered = $state<Record<EndpointRole, boolean>>({ searcher: false, generator: false });
  #storage: EndpointStorage | null;
  #laboratory: Laboratory;

  constructor(laboratory: Laboratory, storage: EndpointStorage | null) {
    this.#laboratory = laboratory;
    this.#storage = storage;
    const stored = this.#read();
    this.current = { searcher: stored.searcher ?? null, generator: stored.generator ?? null };
    this.remembered = { searcher: Boolean(stored.searcher), generator: Boolean(stored.generator) };
  }

  set(role: EndpointRole, endpoint: Endpoint, remember: boolean): void {
    this.current = { ...this.current, [role]: endpoint };
    this.remembered[role] = remember;
    this.#write();
  }

  forget(role: EndpointRole): void {
    this.current = { ...this.current, [role]: null };
    this.remembered[role] = false;
    this.#write();
  }

  test(endpoint: Endpoint, signal: AbortSignal): Promise<ConnectionReport> {
    return this.#laboratory.testConnection(endpoint, signal);
  }

  #read(): { searcher?: Endpoint | undefined; generator?: Endpoint | undefined } {
    try {
      const parsed = v.safeParse(storedSchema, JSON.parse(this.#storage?.getItem(KEY) ?? '{}'));
      return parsed.success ? parsed.output : {};
    } catch {
      // What is stored is not ours to repair; the user sets the endpoint up again.
      return {};
    }
  }

  #write(): void {
    const kept = ENDPOINT_ROLES.flatMap((role) => {
      const endpoint = this.current[role];
      return endpoint && this.remembered[role] ? [[role, endpoint] as const] : [];
    });
    if (kept.length === 0) this.#storage?.removeItem(KEY);
    else this.#storage?.setItem(KEY, JSON.stringify(Object.fromEntries(kept)));
  }
}
