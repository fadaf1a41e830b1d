/** How the text of a token becomes bytes. Tokens are pieces of UTF-8, and only bytes can be joined without loss. */
import { AppError } from '../../protocol/errors';

/**
 * GPT-2's alphabet: every byte has a visible character. Printable Latin-1 stands for itself, the other 68 bytes are moved to
 * U+0100 and up, in order.
 */
function byteLevelAlphabet(): Map<string, number> {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const alphabet = new Map<string, number>();
  let moved = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCharCode(printable(byte) ? byte : moved++), byte);
  }
  return alphabet;
}

export interface TokenBytes {
  /** Bytes of one token of the vocabulary. */
  of(piece: string): Uint8Array;
  /** Whether a space at the very beginning of a text was put there by the tokenizer and is taken off again. */
  readonly stripsFirstSpace: boolean;
}

function byteLevel(): TokenBytes {
  const alphabet = byteLevelAlphabet();
  const encoder = new TextEncoder();
  return {
    of: (piece) => {
      const bytes: number[] = [];
      for (const character of piece) {
        const byte = alphabet.get(character);
        if (byte === undefined) bytes.push(...encoder.encode(character));
        else bytes.push(byte);
      }
      return Uint8Array.from(bytes);
    },
    stripsFirstSpace: false,
  };
}

/** Llama's first tokenizers: `▁` is a space, `<0x0A>` a byte. */
function sentencePiece(stripsFirstSpace: boolean): TokenBytes {
  const encoder = new TextEncoder();
  return {
    of: (piece) => {
      const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1];
      return byte === undefined
        ? encoder.encode(piece.replaceAll('▁', ' '))
        : Uint8Array.of(Number.parseInt(byte, 16));
    },
    stripsFirstSpace,
  };
}

interface DecoderNode {
  type?: unknown;
  decoders?: unknown;
}

/** All decoder steps of a `tokenizer.json`, sequences flattened. */
function stepsOf(decoder: unknown): string[] {
  if (typeof decoder !== 'object' || decoder === null) return [];
  const { type, decoders }: DecoderNode = decoder;
  if (type === 'Sequence' && Array.isArray(decoders)) return decoders.flatMap(stepsOf);
  return typeof type === 'string' ? [type] : [];
}

/** @throws AppError UNSUPPORTED for tokenizers that are neither byte-level nor SentencePiece-like. */
export function tokenBytesFor(decoder: unknown): TokenBytes {
  const steps = stepsOf(decoder);
  if (steps.includes('ByteLevel')) return byteLevel();
  if (steps.includes('Metaspace')) return sentencePiece(true);
  if (steps.includes('ByteFallback')) return sentencePiece(steps.includes('Strip'));
  throw new AppError(
    'UNSUPPORTED',
    `Tokenizers with the decoder "${steps.join(', ') || 'none'}" are not supported.`,
    {
      fix: 'Choose a model with a byte-level BPE tokenizer, such as Qwen2.5 or Llama 3.',
    },
  );
}
