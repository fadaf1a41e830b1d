import { mount } from 'svelte';
import type { Laboratory } from '../state/laboratory';
import { Session } from '../state/session.svelte';
import App from './App.svelte';
import { warmFonts } from './warm-fonts';

/** Storage may be denied altogether: the page works without, it only forgets. */
function localStorageOrNull(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

export function mountApp(target: HTMLElement, laboratory: Laboratory): Session {
  const storage = localStorageOrNull();
  const session = new Session(laboratory, {
    location,
    history,
    storage,
    now: () => new Date().toISOString(),
    theme: {
      storage,
      root: document.documentElement,
      prefersDark: matchMedia('(prefers-color-scheme: dark)'),
    },
  });
  mount(App, { target, props: { session } });
  void session.begin();
  warmFonts(document.documentElement);
  return session;
}
