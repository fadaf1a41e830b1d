/** What the thread says about a trace beyond its view: what counts as kept, how the search ended, what to underline. */
import type { DocumentView, TraceView, TurnView, WindowView } from '../agent/trace-view';
import { carriesAnswer } from './mark';

/** A window from which nothing was chosen is kept whole by the protocol; that shows only once the context is built. */
export const isKept = (window: WindowView, document: DocumentView): boolean =>
  document.selected || (window.selectedInTurn === undefined && document.inContext);

export const keptCount = (window: WindowView): number =>
  window.documents.filter((document) => isKept(window, document)).length;

export const keptWhole = (window: WindowView): boolean =>
  window.selectedInTurn === undefined && window.documents.some((document) => document.inContext);

/** How the search ended; null while it has not. */
export function endingOf(view: TraceView): 'enough' | 'limit' | null {
  const last = view.turns.findLast((turn) => turn.action !== undefined);
  if (last?.action === 'search_complete' && !last.forced) return 'enough';
  return last?.forced || (view.context && last) ? 'limit' : null;
}

/** A turn that only ends the search has no row of its own: the row of the stop stands for it. */
export const hasRow = (turn: TurnView): boolean =>
  turn.window !== undefined ||
  turn.action === undefined ||
  (turn.action !== 'search_complete' && !turn.forced);

/** The answer whose sentence is underlined: the expected one where a shown passage says it, else the one given. */
export function answerToUnderline(view: TraceView): string {
  const texts = view.turns.flatMap((turn) => turn.window?.documents.map((document) => document.text) ?? []);
  const known = view.goldAnswers.find((gold) => texts.some((text) => carriesAnswer(text, gold)));
  return known ?? (view.answer?.streaming ? '' : (view.answer?.text ?? ''));
}

// Turns of phrase by which a passage tries to direct whoever reads it. A hint for people; nothing depends on it.
const INSTRUCTS =
  /\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the )?(?:previous|above|prior|earlier) (?:instructions?|prompts?|text)|<\/?(?:information|important_info|search_complete|query|think)>|\byou (?:must|are now) (?:answer|reply|say|act)\b/i;

export const containsInstructions = (text: string): boolean => INSTRUCTS.test(text);
