/** What the generator gets to see (spec of the loop, §1.6). */
import type { ShownDocument } from '../protocol/trace';
import { neutralise } from './neutralise';
import { selectedDocuments, type ContextVariant, type ObservationWindow } from './windows';

/**
 * Documents for the generator. `s3`: those selected, window by window; then all of every window from which nothing was
 * selected, since silence is not refusal; equal texts once. `mirage`: all initial documents first, then those selected.
 */
export function buildContext(
  windows: readonly ObservationWindow[],
  variant: ContextVariant = 's3',
  maxDocuments = Infinity,
): ShownDocument[] {
  if (variant === 'mirage') {
    const [first, ...rest] = windows;
    const documents = [...(first?.documents ?? []), ...rest.flatMap(selectedDocuments)];
    return distinct(documents, (d) => `${d.title.trim()}\n${d.text.trim()}`).slice(0, maxDocuments);
  }
  const whole = windows
    .filter((window) => window.selection === undefined)
    .flatMap((window) => window.documents);
  const documents = [...windows.flatMap(selectedDocuments), ...whole];
  return distinctDocuments(documents).slice(0, maxDocuments);
}

/** Equal texts once, the first of them. */
export const distinctDocuments = (documents: readonly ShownDocument[]): ShownDocument[] =>
  distinct(documents, (d) => d.text.trim());

/** `Doc 1 (Title: …)`, the text on its own line, an empty line; numbered anew from 1. */
export function renderContext(documents: readonly Pick<ShownDocument, 'title' | 'text'>[]): string {
  return documents
    .map((d, i) => `Doc ${i + 1} (Title: ${neutralise(d.title)})\n${neutralise(d.text)}\n\n`)
    .join('');
}

function distinct<T>(items: readonly T[], key: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const k = key(item);
    return !seen.has(k) && seen.add(k);
  });
}
