import { describe, expect, it } from 'vitest';
import { tarArchive, tarHeader } from './model-tar';

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  new TextDecoder().decode(bytes.subarray(at, at + length)).replace(/\0.*$/s, '');

describe('tarHeader', () => {
  it('has a checksum over itself with blanks in its place', () => {
    const header = tarHeader('folder', 'a.bin', 12, 1e9);
    const told = Number.parseInt(textAt(header, 148, 8), 8);
    header.fill(0x20, 148, 156);
    expect(header.reduce((sum, byte) => sum + byte, 0)).toBe(told);
    expect([textAt(header, 0, 100), textAt(header, 345, 155), textAt(header, 124, 12)]).toEqual([
      'a.bin',
      'folder',
      '00000000014',
    ]);
  });

  it('tells lengths above 8 GiB in binary', () => {
    const header = tarHeader('folder', 'a.bin', 2 ** 33 + 5, 0);
    expect(header[124]).toBe(0x80);
    expect(new DataView(header.buffer).getBigUint64(128)).toBe(2n ** 33n + 5n);
  });

  it('refuses a name that does not fit', () => {
    expect(() => tarHeader('folder', 'x'.repeat(101), 1, 0)).toThrow('too long');
  });
});

it('an archive is a multiple of 512 bytes long and ends with two empty blocks', async () => {
  const pieces = [new Blob(['abc']), new Blob(['de'])];
  const bytes = new Uint8Array(await tarArchive('f', [{ path: 'a', bytes: 5, pieces }], 0).arrayBuffer());
  expect(bytes.length).toBe(4 * 512);
  expect(textAt(bytes, 512, 512)).toBe('abcde');
  expect(bytes.subarray(1024).every((byte) => byte === 0)).toBe(true);
});
