import type { EndpointStorage } from './endpoints.svelte';
import { hostOf } from './host';

export const DEFAULT_HUB = 'https://huggingface.co';

const KEY = 's3-web.hub';

/** The address in its plain form, without a slash at the end; null where it is none that files could come from. */
export function hubAddress(typed: string): string | null {
  const address = typed.trim().replace(/\/+$/, '');
  if (address === '') return DEFAULT_HUB;
  if (address.length > 500 || hostOf(address) === null) return null;
  const { origin, pathname, search, hash } = new URL(address);
  return search || hash ? null : `${origin}${pathname === '/' ? '' : pathname}`;
}

/** Where models are downloaded from when the user chooses one: the Hugging Face hub, or a mirror of it. Remembered on this device. */
export class Hub {
  address = $state(DEFAULT_HUB);
  #storage: EndpointStorage | null;
  #onchange: (address: string) => void;

  constructor(storage: EndpointStorage | null, onchange: (address: string) => void) {
    this.#storage = storage;
    this.#onchange = onchange;
    this.address = hubAddress(this.#read()) ?? DEFAULT_HUB;
    onchange(this.address);
  }

  get host(): string {
    return hostOf(this.address) ?? this.address;
  }

  get isDefault(): boolean {
    return this.address === DEFAULT_HUB;
  }

  /** False where the address is none; then nothing changes. */
  set(typed: string): boolean {
    const address = hubAddress(typed);
    if (address === null) return false;
    this.address = address;
    try {
      if (this.isDefault) this.#storage?.removeItem(KEY);
      else this.#storage?.setItem(KEY, address);
    } catch {
      // Storage may be full or denied: the address then lasts as long as the page.
    }
    this.#onchange(address);
    return true;
  }

  #read(): string {
    try {
      return this.#storage?.getItem(KEY) ?? '';
    } catch {
      return '';
    }
  }
}
