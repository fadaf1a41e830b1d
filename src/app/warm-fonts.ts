/**
 * The thread's queries and numbers are the first text of the page in these fonts. The browser looks for each in the system while the page
 * waits; done ahead in an idle moment, that wait does not fall into a run.
 */
export function warmFonts(root: HTMLElement): void {
  const look = (): void => {
    const canvas = document.createElement('canvas').getContext('2d');
    if (!canvas) return;
    const mono = getComputedStyle(root).getPropertyValue('--mono');
    for (const weight of [400, 600]) {
      canvas.font = `${weight} 15px ${mono}`;
      canvas.measureText('0');
    }
  };
  // Safari has no idle callback.
  if ('requestIdleCallback' in window) requestIdleCallback(look, { timeout: 5000 });
  else setTimeout(look, 1000);
}
