/** Writes ONNX models (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the field numbers are from there). */
import { bytes, concatenate, float, integer, message, string, type Message } from './protobuf';

export type ElementType = 'float32' | 'uint8' | 'int32' | 'int64';
/** A name stands for a size that is known when the model runs. */
export type Dimensions = readonly (number | string)[];
export type Attribute = { int: number } | { ints: readonly number[] } | { float: number };

const ELEMENT_TYPES: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7 };
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

const IR_VERSION = 10;
const OPSET = 21;
/** Operators of ONNX Runtime's own, such as fused attention. */
export const CONTRIB = 'com.microsoft';

function valueInfo(field: number, name: string, type: ElementType, dimensions: Dimensions): Message {
  const shape = dimensions.map((size) =>
    message(1, typeof size === 'number' ? integer(1, size) : string(2, size)),
  );
  const tensor = message(1, integer(1, ELEMENT_TYPES[type]), message(2, ...shape));
  return message(field, string(1, name), message(2, tensor));
}

function attribute(name: string, value: Attribute): Message {
  const named = (...content: Message[]): Message => message(5, string(1, name), ...content);
  if ('int' in value) return named(integer(3, value.int), integer(20, ATTRIBUTE_INT));
  if ('float' in value) return named(float(2, value.float), integer(20, ATTRIBUTE_FLOAT));
  return named(...value.ints.map((item) => integer(8, item)), integer(20, ATTRIBUTE_INTS));
}

export interface NodeOptions {
  attributes?: Record<string, Attribute>;
  domain?: typeof CONTRIB;
}

/** Collects a graph node by node, in the order in which they are computed. */
export class GraphWriter {
  readonly #parts: Message[] = [];
  #nodes = 0;

  input(name: string, type: ElementType, dimensions: Dimensions): string {
    this.#parts.push(valueInfo(11, name, type, dimensions));
    return name;
  }

  output(name: string, type: ElementType, dimensions: Dimensions): void {
    this.#parts.push(valueInfo(12, name, type, dimensions));
  }

  /** A constant; the bytes are taken as they are (little-endian). */
  tensor(name: string, type: ElementType, shape: readonly number[], data: ArrayBufferView): string {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const sizes = shape.map((size) => integer(1, size));
    this.#parts.push(message(5, ...sizes, integer(2, ELEMENT_TYPES[type]), string(8, name), bytes(9, raw)));
    return name;
  }

  /** Adds a node; an empty name leaves an input or output out. Returns the first output. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    options: NodeOptions = {},
  ): string {
    const { attributes = {}, domain } = options;
    this.#parts.push(
      message(
        1,
        ...inputs.map((name) => string(1, name)),
        ...outputs.map((name) => string(2, name)),
        string(3, `${operator} ${this.#nodes++}`),
        string(4, operator),
        ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        domain === undefined ? [] : string(7, domain),
      ),
    );
    return outputs[0] ?? '';
  }

  finish(name: string): Uint8Array<ArrayBuffer> {
    const opset = (domain: string, version: number): Message =>
      message(8, string(1, domain), integer(2, version));
    return concatenate([
      ...integer(1, IR_VERSION),
      ...message(7, ...this.#parts, string(2, name)),
      ...opset('', OPSET),
      ...opset(CONTRIB, 1),
    ]);
  }
}
