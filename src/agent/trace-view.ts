/**
 * A trace as the page shows it. Pure and persistent: every step returns a new view that shares the unchanged turns and
 * documents with the one before, so that a page which compares by identity redraws only what moved.
 */
import type { ErrorEnvelope } from '../protocol/errors';
import type { Usage } from '../protocol/language-model';
import type { RetrievalMode } from '../protocol/retrieval';
import type { ActionKind, ShownDocument, TraceDelta, TraceEvent, TraceEventOf } from '../protocol/trace';

export interface DocumentView extends ShownDocument {
  /** Chosen by the searcher from this window. */
  selected: boolean;
  /** An earlier window had shown the same passage. */
  seenBefore: boolean;
  /** Among the gold passages of the question, where those are known. */
  gold: boolean;
  /** Given to the generator; false until the context is built. */
  inContext: boolean;
}

export interface WindowView {
  query: string;
  documents: readonly DocumentView[];
  tookMs: number;
  /** What the retriever searches by, where that is known. */
  mode?: RetrievalMode;
  /** Why the retriever gave nothing. */
  error?: string;
  /** The turn whose response selected from this window; absent while no selection was made (then all of it is kept). */
  selectedInTurn?: number;
}

export interface TurnView {
  /** 0 = the initial retrieval with the raw question; 1… = turns of the searcher. */
  turn: number;
  /** What the searcher wrote, so far while `streaming`. Empty in turn 0. */
  text: string;
  streaming: boolean;
  action?: ActionKind;
  query?: string;
  thought?: string;
  /** The turn limit ended the search here. */
  forced: boolean;
  /** What the system did of its own accord. */
  note?: string;
  /** The documents that the query of this turn brought. */
  window?: WindowView;
  /** What another model call made of these documents for the searcher (Search-o1). */
  condensed?: { text: string; streaming: boolean; usage?: Usage; tookMs?: number };
  usage?: Usage;
  /** Milliseconds of the searcher's generation. */
  tookMs?: number;
  /** Milliseconds since the run began when this turn first showed anything; 0 until an event tells. */
  startedAtMs: number;
}

export interface ContextDocumentView {
  /** The number in the generator's context, which a citation uses. */
  number: number;
  passageId: string;
  title: string;
  text: string;
  /** Where the passage was first shown: turn and window-relative number. */
  shownIn?: { turn: number; number: number };
  selected: boolean;
  gold: boolean;
}

export interface ContextView {
  documents: readonly ContextDocumentView[];
  text: string;
  tokens: number;
}

export interface AnswerView {
  text: string;
  streaming: boolean;
  /** Known once answered. */
  model?: string;
  usage?: Usage;
  tookMs?: number;
}

export interface ScoreView {
  em: number;
  f1: number;
  accuracy: number;
  goldInContext?: boolean;
}

export interface TotalsView {
  searches: number;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  /** At least one count was estimated. */
  estimated: boolean;
  searcherMs: number;
  retrieverMs: number;
  generatorMs: number;
  /** `atMs` of the latest event. */
  elapsedMs: number;
}

/** What the run is doing after the latest event; `stopped` = aborted by the user. */
export type TraceStatus =
  'empty' | 'retrieving' | 'searching' | 'answering' | 'answered' | 'failed' | 'stopped';

export interface TraceView {
  status: TraceStatus;
  question: string;
  goldAnswers: readonly string[];
  goldIds: readonly string[];
  turns: readonly TurnView[];
  context?: ContextView;
  answer?: AnswerView;
  score?: ScoreView;
  error?: ErrorEnvelope;
  totals: TotalsView;
}

const NO_TOTALS: TotalsView = {
  searches: 0,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  estimated: false,
  searcherMs: 0,
  retrieverMs: 0,
  generatorMs: 0,
  elapsedMs: 0,
};

/** The view before the first event. */
export const EMPTY_TRACE_VIEW: TraceView = {
  status: 'empty',
  question: '',
  goldAnswers: [],
  goldIds: [],
  turns: [],
  totals: NO_TOTALS,
};

/** Folds a whole list; `foldTrace(list)` equals `advanceTrace` applied event by event. */
export function foldTrace(events: readonly (TraceEvent | TraceDelta)[]): TraceView {
  return events.reduce(advanceTrace, EMPTY_TRACE_VIEW);
}

/** The view after one more event. */
export function advanceTrace(view: TraceView, event: TraceEvent | TraceDelta): TraceView {
  if (event.type === 'delta') return withDelta(view, event);
  return withEvent({ ...view, totals: addTotals(view.totals, event) }, event);
}

function withEvent(view: TraceView, event: TraceEvent): TraceView {
  switch (event.type) {
    case 'question': {
      const { question, goldAnswers = [], goldIds = [] } = event;
      return { ...view, status: 'retrieving', question, goldAnswers, goldIds };
    }
    case 'retrieved':
      return onTurn({ ...view, status: 'searching' }, event, () => ({ window: windowView(view, event) }));
    case 'generated':
      return withGenerated(view, event);
    case 'action': {
      const { action, query, thought, note, forced = false } = event;
      const searching = action === 'search' && !forced;
      const status = searching ? 'retrieving' : action === 'invalid' && !forced ? 'searching' : 'answering';
      return onTurn({ ...view, status }, event, () => ({
        action,
        forced,
        ...(query !== undefined && { query }),
        ...(thought !== undefined && { thought }),
        ...(note !== undefined && { note }),
      }));
    }
    case 'selected':
      return withSelection(view, event);
    case 'context':
      return withContext(view, event);
    case 'answered':
      return {
        ...view,
        status: 'answered',
        answer: { ...view.answer, text: event.answer, streaming: false, model: event.model },
      };
    case 'scored': {
      const { em, f1, accuracy, goldInContext } = event;
      return { ...view, score: { em, f1, accuracy, ...(goldInContext !== undefined && { goldInContext }) } };
    }
    case 'failed':
      return {
        ...view,
        status: event.error.code === 'ABORTED' ? 'stopped' : 'failed',
        error: event.error,
        turns: view.turns.map(endedTurn),
        ...(view.answer && { answer: { ...view.answer, streaming: false } }),
      };
    default:
      return event satisfies never;
  }
}

function endedTurn(turn: TurnView): TurnView {
  if (turn.condensed?.streaming) {
    return { ...turn, streaming: false, condensed: { ...turn.condensed, streaming: false } };
  }
  return turn.streaming ? { ...turn, streaming: false } : turn;
}

function withDelta(view: TraceView, delta: TraceDelta): TraceView {
  if (delta.role === 'generator') {
    const text = (view.answer?.text ?? '') + delta.text;
    return { ...view, status: 'answering', answer: { ...view.answer, text, streaming: true } };
  }
  const at = { turn: delta.turn, atMs: view.totals.elapsedMs };
  if (delta.role === 'condenser') {
    return onTurn(view, at, ({ condensed }) => ({
      condensed: { ...condensed, text: (condensed?.text ?? '') + delta.text, streaming: true },
    }));
  }
  return onTurn(view, at, (turn) => ({ text: turn.text + delta.text, streaming: true }));
}

function withGenerated(view: TraceView, event: TraceEventOf<'generated'>): TraceView {
  const { text, usage, tookMs } = event;
  const generated = { text, usage, tookMs, streaming: false };
  if (event.role === 'generator') return { ...view, answer: { ...view.answer, ...generated } };
  if (event.role === 'condenser') return onTurn(view, event, () => ({ condensed: generated }));
  return onTurn(view, event, () => generated);
}

function withSelection(view: TraceView, event: TraceEventOf<'selected'>): TraceView {
  const numbers = new Set(event.numbers);
  const turns = view.turns.map((turn) => {
    if (turn.turn !== event.window || !turn.window) return turn;
    const documents = turn.window.documents.map((d) => ({ ...d, selected: numbers.has(d.number) }));
    return { ...turn, window: { ...turn.window, documents, selectedInTurn: event.turn } };
  });
  return { ...view, turns };
}

function withContext(view: TraceView, event: TraceEventOf<'context'>): TraceView {
  const kept = new Set(event.passageIds);
  const turns = view.turns.map((turn) => {
    if (!turn.window?.documents.some((d) => kept.has(d.passageId))) return turn;
    const documents = turn.window.documents.map((d) => ({ ...d, inContext: kept.has(d.passageId) }));
    return { ...turn, window: { ...turn.window, documents } };
  });
  const documents = event.passageIds.map((passageId, i) => contextDocument(turns, passageId, i + 1));
  return {
    ...view,
    status: 'answering',
    turns,
    context: { documents, text: event.text, tokens: event.tokens },
  };
}

function contextDocument(turns: readonly TurnView[], passageId: string, number: number): ContextDocumentView {
  const shown = turns.flatMap((turn) =>
    (turn.window?.documents ?? [])
      .filter((d) => d.passageId === passageId)
      .map((d) => ({ d, turn: turn.turn })),
  );
  const first = shown[0];
  return {
    number,
    passageId,
    title: first?.d.title ?? '',
    text: first?.d.text ?? '',
    selected: shown.some(({ d }) => d.selected),
    gold: first?.d.gold ?? false,
    ...(first && { shownIn: { turn: first.turn, number: first.d.number } }),
  };
}

function windowView(view: TraceView, event: TraceEventOf<'retrieved'>): WindowView {
  const earlier = new Set(
    view.turns
      .filter((t) => t.turn < event.turn)
      .flatMap((t) => t.window?.documents.map((d) => d.passageId) ?? []),
  );
  const gold = new Set(view.goldIds);
  const documents = event.documents.map((document) => ({
    ...document,
    selected: false,
    seenBefore: earlier.has(document.passageId),
    gold: gold.has(document.passageId),
    inContext: false,
  }));
  const { query, tookMs, error, mode } = event;
  return { query, documents, tookMs, ...(mode && { mode }), ...(error !== undefined && { error }) };
}

/** Replaces the turn of the event by itself with the change, adding it where it is new. */
function onTurn(
  view: TraceView,
  at: { turn: number; atMs: number },
  change: (turn: TurnView) => Partial<TurnView>,
): TraceView {
  const index = view.turns.findIndex((turn) => turn.turn === at.turn);
  const old: TurnView = view.turns[index] ?? {
    turn: at.turn,
    text: '',
    streaming: false,
    forced: false,
    startedAtMs: at.atMs,
  };
  const turn = { ...old, ...change(old) };
  const turns = index < 0 ? [...view.turns, turn] : view.turns.with(index, turn);
  return { ...view, turns };
}

function addTotals(totals: TotalsView, event: TraceEvent): TotalsView {
  const sum = { ...totals, elapsedMs: Math.max(totals.elapsedMs, event.atMs) };
  if (event.type === 'retrieved') {
    sum.searches += 1;
    sum.retrieverMs += event.tookMs;
  } else if (event.type === 'generated') {
    sum.promptTokens += event.usage.promptTokens;
    sum.cachedTokens += event.usage.cachedTokens;
    sum.completionTokens += event.usage.completionTokens;
    sum.estimated ||= event.usage.estimated ?? false;
    if (event.role !== 'generator') sum.searcherMs += event.tookMs;
    else sum.generatorMs += event.tookMs;
  }
  return sum;
}
