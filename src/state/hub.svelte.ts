import type { EndpointStorage } from './endpoints.svelte';
import { hostOf } from './host';
import { DEFAULT_HUB, hubAddress } from './hub-address';

const KEY = 's3-web.hub';

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
