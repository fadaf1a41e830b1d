import { describe, expect, it } from 'vitest';
import { GraphWriter } from './graph';
import { concatenate, float, integer, message, string } from './protobuf';

const hex = (parts: readonly Uint8Array[]): string => Buffer.from(concatenate(parts)).toString('hex');

describe('the wire format', () => {
  it('agrees with the examples of its specification', () => {
    expect(hex(integer(1, 150))).toBe('089601');
    expect(hex(string(2, 'testing'))).toBe('120774657374696e67');
    expect(hex(message(3, integer(1, 150)))).toBe('1a03089601');
  });

  it('writes negative numbers as ten bytes and fields above 15 with a longer key', () => {
    expect(hex(integer(1, -1))).toBe('08ffffffffffffffffff01');
    expect(hex(integer(20, 7))).toBe('a00107');
  });

  it('writes floats little-endian', () => {
    expect(hex(float(2, 1))).toBe('150000803f');
  });

  it('counts the length of a text in bytes', () => {
    expect(hex(string(1, 'é'))).toBe('0a02c3a9');
  });
});

describe('an ONNX file', () => {
  it('of one addition is, byte for byte, what the format says', () => {
    const graph = new GraphWriter();
    graph.input('x', 'float32', ['n']);
    graph.tensor('one', 'float32', [1], Float32Array.of(1));
    graph.node('Add', ['x', 'one'], ['y']);
    graph.output('y', 'float32', ['n']);
    // Read and accepted by the checker and the shape inference of the `onnx` package.
    expect(Buffer.from(graph.finish('g')).toString('hex')).toBe(
      [
        ...['080a', '3a51'], // version of the format, the graph
        ...['5a10', '0a0178', '120b0a09080112050a0312016e'], // input x: float, [n]
        ...['2a0f', '0801', '1001', '42036f6e65', '4a040000803f'], // constant "one": [1], float, 1.0
        ...['0a17', '0a0178', '0a036f6e65', '120179', '1a054164642030', '2203416464'], // y = Add(x, one)
        ...['6210', '0a0179', '120b0a09080112050a0312016e'], // output y: float, [n]
        '120167', // the graph's name
        ...['4204', '0a00', '1015'], // operators of ONNX itself
        ...['4211', '0a0d636f6d2e6d6963726f736f6674', '1001'], // operators of ONNX Runtime
      ].join(''),
    );
  });

  it('holds lists of numbers as attributes', () => {
    const graph = new GraphWriter();
    graph.node('Transpose', ['x'], ['y'], { attributes: { perm: { ints: [1, 0] } } });
    const written = Buffer.from(graph.finish('g')).toString('hex');
    expect(written).toContain(['2a0d', '0a047065726d', '4001', '4000', 'a00107'].join(''));
  });
});
