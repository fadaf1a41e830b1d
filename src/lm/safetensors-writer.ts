/** Writer of the safetensors format: the header first, then the tensors' bytes in the header's order, which may come piece by piece. */
import { toHalf } from '../gpu/half';
import { AppError } from '../protocol/errors';

const DTYPE_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type WrittenType = keyof typeof DTYPE_BYTES;

export interface WrittenTensor {
  name: string;
  dtype: WrittenType;
  shape: readonly number[];
}

export const writtenBytes = ({ dtype, shape }: WrittenTensor): number =>
  shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);

/**
 * The beginning of a file with these tensors, in this order without gaps: 8 bytes of length, then JSON, filled up with spaces so
 * that the data begin at a multiple of 8.
 * @param metadata PEFT and transformers want `{ format: 'pt' }`
 */
export function safetensorsHeader(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array<ArrayBuffer> {
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  const names = new Set(['__metadata__']);
  let offset = 0;
  for (const tensor of tensors) {
    if (names.has(tensor.name)) throw new AppError('INTERNAL', `Two tensors are named ${tensor.name}.`);
    names.add(tensor.name);
    const end = offset + writtenBytes(tensor);
    const { dtype, shape } = tensor;
    entries.push([tensor.name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Built by hand: in an object, names such as `0` would come before all others.
  const json = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join()}}`;
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, 8);
  return header;
}

/** A whole file of f32 tensors, for what is small: adapters. */
export function writeSafetensors(
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const written = tensors.map(({ name, shape }): WrittenTensor => ({ name, dtype: 'F32', shape }));
  const header = safetensorsHeader(written, metadata);
  const bodies = tensors.map(({ values }) => floatBytes(values, 'F32'));
  const bytes = new Uint8Array(header.length + bodies.reduce((sum, body) => sum + body.length, 0));
  bytes.set(header);
  let offset = header.length;
  tensors.forEach(({ name }, i) => {
    const [body, tensor] = [bodies[i], written[i]];
    if (!body || !tensor || body.length !== writtenBytes(tensor)) {
      throw new AppError('INTERNAL', `${name} does not have the length that its shape needs.`);
    }
    bytes.set(body, offset);
    offset += body.length;
  });
  return bytes;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of the nearest bfloat16; ties go to the even one. */
function toBfloat16(value: number): number {
  float[0] = value;
  const whole = bits[0]!;
  // A NaN must not be rounded up to infinity.
  if ((whole & 0x7fffffff) > 0x7f800000) return (whole >>> 16) | 0x40;
  return (whole + 0x7fff + ((whole >>> 16) & 1)) >>> 16;
}

/** Little-endian bytes of the values in a type, rounded to nearest, ties to even. */
export function floatBytes(values: Float32Array, dtype: WrittenType): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * DTYPE_BYTES[dtype]);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (dtype === 'F32') view.setFloat32(i * 4, value, true);
    else view.setUint16(i * 2, dtype === 'F16' ? toHalf(value) : toBfloat16(value), true);
  }
  return bytes;
}
