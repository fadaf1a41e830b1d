import { AppError } from '../protocol/errors';

/** Hexadecimal SHA-256 through WebCrypto, which browsers offer on https and localhost only. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // Typed as always there, which holds in secure contexts alone.
  const { subtle } = globalThis.crypto as { subtle?: SubtleCrypto };
  if (!subtle) {
    throw new AppError(
      'UNSUPPORTED',
      'This page cannot compute checksums, because it is not a secure context.',
      {
        fix: 'Open the page over https or as http://localhost.',
      },
    );
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
