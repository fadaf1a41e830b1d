/**
 * Where focus goes when what had it is gone. A button that is replaced or removed by being pressed takes the focus with it: to nowhere, so that
 * whoever works with the keyboard begins anew at the top of the page. Markup says what takes over, looked for from the button outwards:
 *
 * - `data-focus-key="…"` names a thing: a row of a list, an import in whatever state. Its first control takes over as long as it is there; when
 *   it is gone, another of the same name does (a form for the button that opens it), else the one that followed it in its list, else the one before.
 * - `data-focus-home="selector"` on whatever surrounds it: what takes over within that, in place of the first control. Empty: it itself does, and
 *   has `tabindex="-1"` then.
 */

/** Something that surrounds what has focus, or that itself. */
interface Step {
  element: HTMLElement;
  key: string | undefined;
  /** Keys of those beside it: those that follow first, then those before, nearest first. */
  beside: string[];
}

const CONTROLS = 'button, a[href], input, select, textarea, summary, [tabindex]';

const keyOf = (element: Element | null): string | undefined =>
  element instanceof HTMLElement ? element.dataset['focusKey'] : undefined;

function keysFrom(start: Element | null, next: (element: Element) => Element | null): string[] {
  const keys: string[] = [];
  for (let element = start; element; element = next(element)) {
    const key = keyOf(element);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

function stepsTo(focused: HTMLElement, host: HTMLElement): Step[] {
  const steps: Step[] = [];
  for (let element: HTMLElement | null = focused; element; element = element.parentElement) {
    const key = keyOf(element);
    const after = keysFrom(element.nextElementSibling, (one) => one.nextElementSibling);
    const before = keysFrom(element.previousElementSibling, (one) => one.previousElementSibling);
    steps.push({ element, key, beside: key === undefined ? [] : [...after, ...before] });
    if (element === host) break;
  }
  return steps;
}

const canFocus = (element: HTMLElement): boolean =>
  element.isConnected &&
  !element.matches(':disabled') &&
  element.checkVisibility({ visibilityProperty: true });

function within(element: HTMLElement, selector: string): HTMLElement | undefined {
  return [...element.querySelectorAll<HTMLElement>(selector)].find(canFocus);
}

/** Within what is there. */
function landingIn(element: HTMLElement): HTMLElement | undefined {
  const home = element.dataset['focusHome'];
  const own = home === '' || element.matches(CONTROLS) ? element : undefined;
  if (own && canFocus(own)) return own;
  const found = home ? within(element, home) : undefined;
  return found ?? (keyOf(element) === undefined ? undefined : within(element, CONTROLS));
}

function landingOf(steps: readonly Step[], host: HTMLElement): HTMLElement | undefined {
  for (const { element, key, beside } of steps) {
    const places = element.isConnected
      ? [element]
      : [key ?? [], beside].flat().map((name) => within(host, `[data-focus-key="${CSS.escape(name)}"]`));
    for (const place of places) {
      const landing = place && landingIn(place);
      if (landing) return landing;
    }
  }
  return undefined;
}

/** An attachment: focus stays within the element as long as nobody takes it elsewhere. */
export function keepFocus(host: HTMLElement): () => void {
  let held: Step[] = [];

  function hold({ target }: FocusEvent): void {
    if (target instanceof HTMLElement) held = stepsTo(target, host);
  }

  /** Told before it is known whether what has lost focus is gone, or was left. */
  function leave(): void {
    queueMicrotask(() => {
      const element = held[0]?.element;
      if (element && canFocus(element) && document.activeElement !== element) held = [];
    });
  }

  let timer: ReturnType<typeof setTimeout> | undefined;

  function mend(): void {
    const element = held[0]?.element;
    if (!element || canFocus(element)) return;
    const { activeElement } = document;
    if (activeElement && activeElement !== document.body && activeElement !== element) held = [];
    else landingOf(held, host)?.focus();
  }

  const watch = new MutationObserver(() => {
    const element = held[0]?.element;
    if (!element) return;
    if (canFocus(element)) {
      held = stepsTo(element, host); // What is beside it may have changed.
      return;
    }
    clearTimeout(timer);
    // A dialog that closes gives focus back itself, and this may be called in the middle of that.
    if (element.closest('dialog')) timer = setTimeout(mend);
    else mend();
  });
  watch.observe(host, {
    ...{ childList: true, subtree: true },
    attributeFilter: ['disabled', 'hidden', 'open'],
  });
  host.addEventListener('focusin', hold);
  host.addEventListener('focusout', leave);
  return () => {
    watch.disconnect();
    clearTimeout(timer);
    host.removeEventListener('focusin', hold);
    host.removeEventListener('focusout', leave);
  };
}
