/** SHA-256 of bytes that come in pieces: WebCrypto wants all of them at once, and copies them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export class Sha256Stream {
  readonly #hash = sha256.create();

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Hexadecimal. To be asked once, at the end. */
  digest(): string {
    return bytesToHex(this.#hash.digest());
  }
}
