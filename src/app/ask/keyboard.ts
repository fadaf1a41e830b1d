import type { Attachment } from 'svelte/attachments';
import { copyText } from '../widgets/clipboard';

const steps = new WeakMap<Element, () => string>();

/** Makes an element a step that `j` and `k` walk over; `c` copies what it says. */
export function step(text: () => string): Attachment<HTMLElement> {
  return (element) => {
    element.dataset['step'] = '';
    steps.set(element, text);
    return () => steps.delete(element);
  };
}

const isEditing = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('input, textarea, select, dialog, [contenteditable]') !== null;

/** `j` next step, `k` previous, `c` copy; `Enter` is the button's own. */
export function walkSteps(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isEditing(event.target))
    return;
  const all = [...document.querySelectorAll<HTMLElement>('[data-step]')];
  const at = all.findIndex((element) => element === document.activeElement);
  const move = { j: 1, k: -1 }[event.key];
  if (move !== undefined && all.length > 0) {
    event.preventDefault();
    const next = at < 0 ? (move > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + move));
    all[next]?.focus();
  } else if (event.key === 'c') {
    const element = all[at];
    const text = element && steps.get(element);
    if (text) void copyText(text());
  }
}
