/** Quantised products of ONNX Runtime: the integers and scales of our engine in its layout. */
import { GROUP, quantise } from '../../src/gpu/blocks';
import { halfValues } from '../../src/gpu/half';
import { CONTRIB, type GraphWriter } from './graph';

export interface QuantisedProduct {
  input: string;
  output: string;
  /** `[outputs, inputs]` */
  values: Float32Array;
  inputs: number;
  outputs: number;
  bits: 4 | 8;
}

/** A node `MatMulNBits` with groups of 32: the zero points are its defaults, 8 and 128. Returns the output's name. */
export function matMulNBits(graph: GraphWriter, product: QuantisedProduct): string {
  const { input, output, values, inputs, outputs, bits } = product;
  const blocks = quantise(bits === 4 ? 'q4' : 'q8', values);
  const groups = inputs / GROUP;
  const packed = bits === 4 ? inNaturalOrder(blocks.values) : blocks.values.map((byte) => byte ^ 0x80);
  const halves = halfValues();
  const scales = Float32Array.from(blocks.scales, (bitsOf) => halves[bitsOf] ?? NaN);
  graph.tensor(`${output}.values`, 'uint8', [outputs, groups, (GROUP * bits) / 8], packed);
  graph.tensor(`${output}.scales`, 'float32', [outputs * groups], scales);
  return graph.node('MatMulNBits', [input, `${output}.values`, `${output}.scales`], [output], {
    domain: CONTRIB,
    attributes: {
      K: { int: inputs },
      N: { int: outputs },
      bits: { int: bits },
      block_size: { int: GROUP },
    },
  });
}

/** From values j and j + 16 in a byte to neighbours in a byte. */
function inNaturalOrder(values: Uint8Array): Uint8Array {
  const out = new Uint8Array(values.length);
  const at = (group: number, i: number): number => {
    const byte = values[group + (i % 16)] ?? 0;
    return i < 16 ? byte & 15 : byte >> 4;
  };
  for (let group = 0; group < values.length; group += 16) {
    for (let i = 0; i < 16; i += 1) out[group + i] = at(group, 2 * i) | (at(group, 2 * i + 1) << 4);
  }
  return out;
}
