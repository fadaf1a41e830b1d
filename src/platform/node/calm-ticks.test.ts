import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { calmImmediate, calmNativeTicks, isNativeTick } from './calm-ticks';

/** What a binding makes: no name, no source. */
const nativeTick = (): (() => void) => {
  const bound = Reflect.apply(Function.prototype.bind, () => undefined, [undefined]) as () => void;
  Object.defineProperty(bound, 'name', { value: '' });
  return bound;
};

function withClock(): {
  immediate: ReturnType<typeof calmImmediate>;
  clock: { ms: number };
  pauses: number[];
} {
  const clock = { ms: 0 };
  const pauses: number[] = [];
  const immediate = calmImmediate(
    () => undefined as unknown as NodeJS.Immediate,
    () => clock.ms,
    (ms) => {
      pauses.push(ms);
      clock.ms += ms;
    },
  );
  return { immediate, clock, pauses };
}

describe('pauses between the questions of a native binding', () => {
  it('begin when a wait has lasted a while, and anew for the next wait', () => {
    const { immediate, clock, pauses } = withClock();
    const tick = nativeTick();
    for (let i = 0; i < 3; i += 1) {
      immediate(tick);
      clock.ms += 0.1;
    }
    expect(pauses).toEqual([]);
    clock.ms += 0.1;
    for (let i = 0; i < 5; i += 1) {
      immediate(tick);
      clock.ms += 0.01;
    }
    expect(pauses).toHaveLength(5);
    clock.ms += 10;
    immediate(tick);
    expect(pauses).toHaveLength(5);
  });

  it('are not for functions of JavaScript', () => {
    expect(isNativeTick(nativeTick(), [])).toBe(true);
    expect(isNativeTick(nativeTick(), [1])).toBe(false);
    expect(isNativeTick(() => undefined, [])).toBe(false);
    expect(isNativeTick(function named() {}, [])).toBe(false);
    const { immediate, clock, pauses } = withClock();
    for (let i = 0; i < 100; i += 1) {
      immediate(() => undefined);
      clock.ms += 0.1;
    }
    expect(pauses).toEqual([]);
  });

  it('leave setImmediate as it was otherwise', async () => {
    calmNativeTicks();
    calmNativeTicks();
    const order: unknown[] = [];
    await new Promise<void>((resolve) => {
      setImmediate(
        (...args) => {
          order.push(...args);
          resolve();
        },
        1,
        2,
      );
    });
    order.push(await promisify(setImmediate)(3));
    const cancelled = setImmediate(() => order.push('cancelled'));
    clearImmediate(cancelled);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(order).toEqual([1, 2, 3]);
    expect(setImmediate.name).toBe('setImmediate');
  });
});
