import { mount } from 'svelte';
import { localStorageOrNull } from '../platform/browser/local-storage';
import type { Laboratory } from '../state/laboratory';
import { Session } from '../state/session.svelte';
import App from './App.svelte';
import { warmFonts } from './warm-fonts';

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
