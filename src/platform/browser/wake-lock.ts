/**
 * Keeps the screen, and with it the machine, awake while something long runs. A browser that cannot is asked for nothing.
 * Each work says for itself whether it needs it, by a name: the lock is held while any of them does.
 */
export function createWakeLock(): (on: boolean, by?: string) => Promise<void> {
  const wanted = new Set<string>();
  let held: WakeLockSentinel | null = null;
  let asking: Promise<void> | null = null;

  async function settle(): Promise<void> {
    if (!('wakeLock' in navigator)) return;
    if (wanted.size > 0 && (!held || held.released) && document.visibilityState === 'visible') {
      // Refused on low battery, among others: the run goes on without it.
      held = await navigator.wakeLock.request('screen').catch(() => null);
    }
    if (wanted.size === 0 && held) {
      await held.release();
      held = null;
    }
  }
  const ask = (): Promise<void> => (asking ??= settle().finally(() => (asking = null)));

  // The browser takes the lock away with a hidden page, and does not give it back by itself.
  document.addEventListener('visibilitychange', () => void (wanted.size > 0 && ask()));
  return async (on, by = '') => {
    if (wanted.has(by) === on) return;
    if (on) wanted.add(by);
    else wanted.delete(by);
    await ask();
    // It may have been turned round while the browser was asked.
    await ask();
  };
}
