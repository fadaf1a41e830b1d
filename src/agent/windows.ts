import type { ShownDocument } from '../protocol/trace';

/** One `<information>` block, kept as data: what the searcher was shown, and what it chose from it. */
export interface ObservationWindow {
  /** The turn whose query brought it; 0 = the initial results. */
  turn: number;
  documents: readonly ShownDocument[];
  /** Numbers chosen, in block order, possibly none; absent while no `<important_info>` is bound to the window. */
  selection?: readonly number[];
}

/** `s3`: a tag belongs to the latest window. `mirage`: to the latest window that has none yet. */
export type ContextVariant = 's3' | 'mirage';

export interface BindingRules {
  variant: ContextVariant;
  /** Higher ids are ignored. The published code reads 1…8, its MIRAGE variant 1…19. */
  maxId: number;
  /** How many documents one selection may keep; the published code asks for three in its prompt and enforces nothing. */
  maxSelected: number;
}

export const LENIENT_BINDING: BindingRules = { variant: 's3', maxId: Infinity, maxSelected: Infinity };

/** The windows of one run in the order shown. */
export class WindowLog {
  readonly #windows: ObservationWindow[] = [];
  readonly #rules: BindingRules;

  constructor(rules: BindingRules = LENIENT_BINDING) {
    this.#rules = rules;
  }

  get windows(): readonly ObservationWindow[] {
    return this.#windows;
  }

  show(turn: number, documents: readonly ShownDocument[]): void {
    this.#windows.push({ turn, documents });
  }

  /**
   * Binds one `<important_info>`. Returns the window with its selection, which holds shown numbers only and may be empty,
   * or undefined where the tag binds to nothing (the window already has a selection).
   */
  select(ids: readonly number[]): Required<ObservationWindow> | undefined {
    const { variant, maxId, maxSelected } = this.#rules;
    const unbound = (window: ObservationWindow): boolean => window.selection === undefined;
    const last = this.#windows.length - 1;
    const index = variant === 'mirage' ? this.#windows.findLastIndex(unbound) : last;
    const window = this.#windows[index];
    if (!window || !unbound(window)) return undefined;
    const wanted = new Set(ids.filter((id) => id >= 1 && id <= maxId));
    const numbers = window.documents.map((d) => d.number).filter((number) => wanted.has(number));
    const bound = { ...window, selection: numbers.slice(0, maxSelected) };
    this.#windows[index] = bound;
    return bound;
  }
}

export function selectedDocuments(window: ObservationWindow): ShownDocument[] {
  return window.documents.filter((d) => window.selection?.includes(d.number));
}
