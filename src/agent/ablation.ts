/**
 * What s3 is without one of its parts. As in the published ablations the searcher runs unchanged and the generator's context is
 * built differently, so that one recorded run gives all four answers.
 */
import type { ShownDocument, SystemId, TraceDelta, TraceEvent } from '../protocol/trace';
import { buildContext, distinctDocuments } from './context';
import type { ContextVariant, ObservationWindow } from './windows';

export type Ablation = 'none' | 'no-selection' | 'no-initial' | 'neither';

export const ABLATION_IDS = {
  none: 's3',
  'no-selection': 's3-no-selection',
  'no-initial': 's3-no-initial',
  neither: 's3-neither',
} as const satisfies Record<Ablation, SystemId>;

/**
 * `no-selection`: every document shown. `no-initial`: nothing of turn 0, the rest as selected. `neither`: every document that
 * the searcher's own queries brought. (The published scripts hand over the searcher's words, too, where nothing is selected.)
 */
export function ablatedContext(
  windows: readonly ObservationWindow[],
  ablation: Ablation,
  variant: ContextVariant,
): ShownDocument[] {
  const searched = windows.filter((window) => window.turn > 0);
  switch (ablation) {
    case 'none':
      return buildContext(windows, variant);
    case 'no-initial':
      return buildContext(searched, variant);
    case 'no-selection':
      return distinctDocuments(windows.flatMap((window) => window.documents));
    case 'neither':
      return distinctDocuments(searched.flatMap((window) => window.documents));
  }
}

/** The windows of a recorded run of s3, with what was selected from them. */
export function windowsOf(events: readonly (TraceEvent | TraceDelta)[]): ObservationWindow[] {
  const windows: ObservationWindow[] = [];
  for (const event of events) {
    if (event.type === 'retrieved') windows.push({ turn: event.turn, documents: event.documents });
    if (event.type !== 'selected') continue;
    const index = windows.findIndex((window) => window.turn === event.window);
    const window = windows[index];
    if (window) windows[index] = { ...window, selection: event.numbers };
  }
  return windows;
}
