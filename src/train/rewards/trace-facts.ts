/** What a trace says, in numbers. */
import type { TraceEvent, TraceEventOf, TraceEventType } from '../../protocol/trace';
import type { Episode } from './reward';

export const eventsOf = <T extends TraceEventType>(
  events: readonly TraceEvent[],
  type: T,
): TraceEventOf<T>[] => events.filter((event): event is TraceEventOf<T> => event.type === type);

export const answerOf = ({ events }: Pick<Episode, 'events'>): string =>
  eventsOf(events, 'answered').at(-1)?.answer ?? '';

/** Ids of the passages that the generator read; for a system that answers itself, of all that it was shown. */
export function contextIds({ events }: Pick<Episode, 'events'>): string[] {
  const context = eventsOf(events, 'context').at(-1);
  if (context) return context.passageIds;
  return [
    ...new Set(eventsOf(events, 'retrieved').flatMap((event) => event.documents.map((d) => d.passageId))),
  ];
}

/** Share of the gold passages that reached the context; undefined where none are known. */
export function goldRecall(episode: Pick<Episode, 'events' | 'question'>): number | undefined {
  const gold = new Set(episode.question.goldIds ?? []);
  if (gold.size === 0) return undefined;
  const read = new Set(contextIds(episode));
  return [...gold].filter((id) => read.has(id)).length / gold.size;
}

export const goldInContext = (episode: Pick<Episode, 'events' | 'question'>): boolean | undefined => {
  const recall = goldRecall(episode);
  return recall === undefined ? undefined : recall === 1;
};
