/**
 * Has the browser keep the page, so that it opens without a network. Once the page stands still: what is fetched for this is in nobody's
 * way. Where there is no such thing (plain HTTP, some private windows), the page works as long as it is served.
 */
export function keepForOffline(scriptUrl: string): void {
  const { serviceWorker } = navigator as Partial<Navigator>;
  if (!serviceWorker) return;
  // What the page loaded before it was looked after is asked for once more, so that it is kept, too.
  const again = (): void => {
    for (const { name } of performance.getEntriesByType('resource')) {
      if (name.startsWith(location.origin)) fetch(name).catch(() => undefined);
    }
  };
  if (!serviceWorker.controller) serviceWorker.addEventListener('controllerchange', again, { once: true });
  const register = (): void => {
    // Refused in private windows, or by a policy; nothing that the page needs depends on it.
    serviceWorker.register(scriptUrl).catch(() => undefined);
  };
  const whenIdle = (): void => {
    if ('requestIdleCallback' in window) requestIdleCallback(register, { timeout: 3000 });
    else setTimeout(register, 1000);
  };
  if (document.readyState === 'complete') whenIdle();
  else addEventListener('load', whenIdle, { once: true });
}
