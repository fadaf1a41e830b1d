import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { Sha256Stream } from './sha256-stream';

it('gives what one hash over all the bytes gives, wherever they are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
      const [stream, whole] = [new Sha256Stream(), createHash('sha256')];
      for (const piece of pieces) {
        stream.update(piece);
        whole.update(piece);
      }
      expect(stream.digest()).toBe(whole.digest('hex'));
    }),
    { numRuns: 500 },
  );
});
