/** The part of Protocol Buffers' wire format that an ONNX file needs. */

/** An encoded message, as the pieces that it consists of; tensors are megabytes and are not copied from level to level. */
export type Message = readonly Uint8Array[];

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const text = new TextEncoder();

export const byteLength = (message: Message): number =>
  message.reduce((sum, piece) => sum + piece.byteLength, 0);

/** Whole numbers from −2^53 to 2^53; negative ones take ten bytes, as the format wants. */
function varint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const key = (field: number, wireType: number): Uint8Array => varint(field * 8 + wireType);

export const integer = (field: number, value: number): Message => [key(field, VARINT), varint(value)];

export function float(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [key(field, FIXED32), bytes];
}

export const bytes = (field: number, value: Uint8Array): Message => [
  key(field, LENGTH_DELIMITED),
  varint(value.byteLength),
  value,
];

export const string = (field: number, value: string): Message => bytes(field, text.encode(value));

export const message = (field: number, ...parts: readonly Message[]): Message => {
  const content = parts.flat();
  return [key(field, LENGTH_DELIMITED), varint(byteLength(content)), ...content];
};

export function concatenate(parts: Message): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(byteLength(parts));
  let offset = 0;
  for (const piece of parts) {
    out.set(piece, offset);
    offset += piece.byteLength;
  }
  return out;
}
