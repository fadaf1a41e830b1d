/**
 * Dawn's Node binding learns that work is done by asking in every turn of the event loop, from `setImmediate` to `setImmediate`. That keeps
 * one core busy for as long as anything is awaited, which is half of what a software adapter on two cores computes with. Here the
 * questions are put a tenth of a millisecond apart, after a short while without pauses, so that quick work is seen at once.
 */
const PAUSE_MS = 0.1;
const EAGER_MS = 0.3;
/** Ticks further apart than this belong to different waits. */
const GAP_MS = 2;

type Immediate = (callback: (...args: unknown[]) => void, ...args: unknown[]) => NodeJS.Immediate;

/** A tick of a native binding: a function without name, source and arguments. */
export const isNativeTick = (callback: unknown, args: readonly unknown[]): boolean =>
  typeof callback === 'function' &&
  args.length === 0 &&
  callback.name === '' &&
  /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(callback));

/** `immediate`, with pauses before ticks of a native binding that has waited for a while. */
export function calmImmediate(
  immediate: Immediate,
  now: () => number,
  pause: (ms: number) => void,
): Immediate {
  let began = -Infinity;
  let last = -Infinity;
  return (callback, ...args) => {
    if (isNativeTick(callback, args)) {
      const time = now();
      if (time - last > GAP_MS) began = time;
      if (time - began > EAGER_MS) pause(PAUSE_MS);
      last = now();
    }
    return immediate(callback, ...args);
  };
}

let installed = false;

/** Before Dawn is loaded; Dawn takes `setImmediate` from the global object. */
export function calmNativeTicks(): void {
  if (installed) return;
  installed = true;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const calm = calmImmediate(
    globalThis.setImmediate,
    () => performance.now(),
    (ms) => Atomics.wait(cell, 0, 0, ms),
  );
  // With the original's name and its promisified form.
  Object.defineProperties(calm, Object.getOwnPropertyDescriptors(globalThis.setImmediate));
  Object.defineProperty(globalThis, 'setImmediate', { value: calm, configurable: true, writable: true });
}
