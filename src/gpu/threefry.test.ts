import { expect, it } from 'vitest';
import { threefry } from './threefry';

// The known answers that Random123 ships for threefry2x32 with 20 rounds.
it.each([
  [0, 0, 0, 0, 0x6b200159],
  [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc],
  [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c],
])('gives the published first word for key %i %i, counter %i %i', (key0, key1, counter0, counter1, word) => {
  expect(threefry(key0, key1, counter0, counter1)).toBe(word);
});
