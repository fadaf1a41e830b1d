/** What two or three runs over the same question read differently. Pure. */
import type { ShownDocument } from '../protocol/trace';
import type { TraceView } from '../agent/trace-view';
import { carriesAnswer } from './mark';

/** A document that an answering model read, and where in the run it came up first. */
export interface ReadDocument {
  passageId: string;
  title: string;
  text: string;
  gold: boolean;
  /** A passage of the question's answer: its text says one of the expected answers. */
  carries: boolean;
  turn: number;
  number: number;
  query: string;
}

/** What the answer was written from: the context; of a system that answers by itself, everything it was shown. */
export function readDocuments(view: TraceView): ReadDocument[] {
  const kept = view.context && new Set(view.context.documents.map(({ passageId }) => passageId));
  const read = new Map<string, ReadDocument>();
  for (const { turn, window } of view.turns) {
    for (const document of window?.documents ?? []) {
      const { passageId } = document;
      if (read.has(passageId) || (kept && !kept.has(passageId))) continue;
      read.set(passageId, readDocument(view, document, turn, window?.query ?? ''));
    }
  }
  return [...read.values()];
}

function readDocument(
  view: TraceView,
  { passageId, title, text, number }: ShownDocument,
  turn: number,
  query: string,
): ReadDocument {
  const gold = view.goldIds.includes(passageId);
  const carries = view.goldAnswers.some((answer) => carriesAnswer(text, answer));
  return { passageId, title, text, gold, carries, turn, number, query };
}

export interface Difference {
  both: ReadDocument[];
  onlyFirst: ReadDocument[];
  onlySecond: ReadDocument[];
}

export function differenceOf(first: TraceView, second: TraceView): Difference {
  const [a, b] = [readDocuments(first), readDocuments(second)];
  const inA = new Set(a.map(({ passageId }) => passageId));
  const inB = new Set(b.map(({ passageId }) => passageId));
  return {
    both: a.filter(({ passageId }) => inB.has(passageId)),
    onlyFirst: a.filter(({ passageId }) => !inB.has(passageId)),
    onlySecond: b.filter(({ passageId }) => !inA.has(passageId)),
  };
}

/** Of each run, the passages that no other one read; nothing while one of them has not read yet, or for one alone. */
export function onlyReadBy(views: readonly TraceView[]): ReadonlySet<string>[] {
  const read = views.map((view) => new Set(hasRead(view) ? readDocuments(view).map((d) => d.passageId) : []));
  if (views.length < 2 || views.some((view) => !hasRead(view))) return views.map(() => new Set());
  return read.map((own, at) => {
    const others = read.filter((_, other) => other !== at);
    return new Set([...own].filter((id) => !others.some((set) => set.has(id))));
  });
}

/** Whether it is known what its answer is written from. */
export const hasRead = (view: TraceView): boolean => view.context !== undefined || view.status === 'answered';
