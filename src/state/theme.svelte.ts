export const THEMES = ['auto', 'light', 'dark'] as const;
export type ThemeChoice = (typeof THEMES)[number];

const KEY = 's3-web.theme';

export interface ThemeEnvironment {
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null;
  root: HTMLElement;
  prefersDark: MediaQueryList;
}

/** Which theme is chosen and which is shown; the page's root carries it as `data-theme`. */
export class Theme {
  choice = $state<ThemeChoice>('auto');
  /** What the choice, or the system where that decides, comes to. */
  shown = $state<'light' | 'dark'>('light');
  #environment: ThemeEnvironment;

  constructor(environment: ThemeEnvironment) {
    this.#environment = environment;
    const stored = environment.storage?.getItem(KEY);
    this.choice = THEMES.find((theme) => theme === stored) ?? 'auto';
    environment.prefersDark.addEventListener('change', () => this.#show());
    this.#show();
  }

  next(): void {
    this.choice = THEMES[(THEMES.indexOf(this.choice) + 1) % THEMES.length] ?? 'auto';
    if (this.choice === 'auto') this.#environment.storage?.removeItem(KEY);
    else this.#environment.storage?.setItem(KEY, this.choice);
    this.#show();
  }

  #show(): void {
    const system = this.#environment.prefersDark.matches ? 'dark' : 'light';
    this.shown = this.choice === 'auto' ? system : this.choice;
    this.#environment.root.dataset['theme'] = this.shown;
  }
}
