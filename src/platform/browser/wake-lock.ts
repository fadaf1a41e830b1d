/** Keeps the screen, and with it the machine, awake while something long runs. A browser that cannot is asked for nothing. */
export function createWakeLock(): (on: boolean) => Promise<void> {
  let wanted = false;
  let held: WakeLockSentinel | null = null;
  let asking: Promise<void> | null = null;

  async function settle(): Promise<void> {
    if (!('wakeLock' in navigator)) return;
    if (wanted && (!held || held.released) && document.visibilityState === 'visible') {
      // Refused on low battery, among others: the run goes on without it.
      held = await navigator.wakeLock.request('screen').catch(() => null);
    }
    if (!wanted && held) {
      await held.release();
      held = null;
    }
  }
  const ask = (): Promise<void> => (asking ??= settle().finally(() => (asking = null)));

  // The browser takes the lock away with a hidden page, and does not give it back by itself.
  document.addEventListener('visibilitychange', () => void (wanted && ask()));
  return async (on) => {
    if (wanted === on) return;
    wanted = on;
    await ask();
    // It may have been turned round while the browser was asked.
    await ask();
  };
}
