/** Storage may be denied altogether: the page works without, it only forgets. */
export function localStorageOrNull(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
