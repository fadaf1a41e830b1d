import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { View } from '../memory';
import { Heap } from './heap';

const PAGE = 65536;
const heap = (): Heap => new Heap(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));

it('gives out zeros that nobody else holds, whatever is allocated and freed', () => {
  const step = fc.oneof(
    fc.record({ allocate: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ free: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = heap();
      const live: { view: View<Uint32Array>; mark: number }[] = [];
      steps.forEach((action, i) => {
        if ('allocate' in action) {
          const view = memory.allocate(Uint32Array, action.allocate);
          expect(view.array.length).toBe(action.allocate);
          expect(view.array.every((value) => value === 0)).toBe(true);
          view.array.fill(i + 1);
          live.push({ view, mark: i + 1 });
        } else if (live.length > 0) {
          live.splice(action.free % live.length, 1)[0]?.view.free();
        }
      });
      for (const { view, mark } of live) expect(view.array.every((value) => value === mark)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it('uses freed memory again instead of growing', () => {
  const memory = heap();
  const take = (): View<Float32Array>[] =>
    [100, 50_000, 7, 30_000].map((count) => memory.allocate(Float32Array, count));
  const first = take();
  const grown = memory.memory.buffer.byteLength;
  for (const view of first) view.free();
  for (let round = 0; round < 5; round += 1) for (const view of take()) view.free();
  expect(memory.memory.buffer.byteLength).toBe(grown);
});

it('keeps what is there, at its address, when it grows', () => {
  const memory = heap();
  const view = memory.allocate(Float32Array, 3);
  view.array.set([1, 2, 3]);
  const { array, address } = view;
  memory.allocate(Float32Array, PAGE);
  expect(array.length).toBe(0);
  expect(view.array).toEqual(Float32Array.of(1, 2, 3));
  expect(view.address).toBe(address);
});

it('frees once, and refuses the address after that', () => {
  const memory = heap();
  const view = memory.allocate(Uint8Array, 10);
  view.free();
  const other = memory.allocate(Uint8Array, 10);
  view.free();
  expect(memory.allocate(Uint8Array, 10).address).not.toBe(other.address);
  expect(() => view.address).toThrow(/disposed of/);
  expect(() => view.array).toThrow(/disposed of/);
});

it('says that there is no room beyond 4 GiB, and is as before', () => {
  const memory = heap();
  const before = memory.memory.buffer.byteLength;
  expect(() => memory.allocate(Uint8Array, 65536 * PAGE)).toThrow(RangeError);
  expect(memory.memory.buffer.byteLength).toBe(before);
  expect(memory.allocate(Uint8Array, 16).array.length).toBe(16);
});
