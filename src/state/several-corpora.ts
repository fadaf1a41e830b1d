/** Several corpora that are searched as one: their ids with `+` between them. */
import { RETRIEVAL_MODES, type RetrievalMode } from '../protocol/retrieval';
import type { CorpusEntry } from './laboratory';

/** Ids of a choice at most, as the URL takes them. */
export const MOST_CORPORA = 16;

export const idsOf = (choice: string): string[] => [...new Set(choice.split('+').filter(Boolean))];
export const joinIds = (ids: readonly string[]): string => [...new Set(ids)].join('+');

type Searchable = Pick<CorpusEntry, 'id' | 'name' | 'encoder' | 'link'>;

/** Known entries of a choice, in its order. */
export const entriesOf = <Entry extends { id: string }>(choice: string, list: readonly Entry[]): Entry[] =>
  idsOf(choice).flatMap((id) => list.find((entry) => entry.id === id) ?? []);

/** Names in place of ids, where they are known. */
export const namesOf = (choice: string, list: readonly Pick<CorpusEntry, 'id' | 'name'>[]): string =>
  idsOf(choice)
    .map((id) => list.find((entry) => entry.id === id)?.name ?? id)
    .join(' + ');

/** The ways a corpus can be searched. A `/retrieve` server has one, which it does not name. */
export function modesOf({ encoder, link }: Pick<CorpusEntry, 'encoder' | 'link'>): readonly RetrievalMode[] {
  if (link?.kind === 'retrieve') return ['dense'];
  return encoder === null ? ['bm25'] : RETRIEVAL_MODES;
}

/** The ways in which all of them can be searched; none where they have nothing in common. */
export const commonModes = (
  entries: readonly Pick<CorpusEntry, 'encoder' | 'link'>[],
): readonly RetrievalMode[] =>
  RETRIEVAL_MODES.filter((mode) => entries.every((entry) => modesOf(entry).includes(mode)));

export type Together =
  /** One ranking over all. */
  | { kind: 'one' }
  /** Scores cannot be compared, so ranks are fused: of other encoders, or of corpora that lie elsewhere. */
  | { kind: 'fused'; because: 'encoders' | 'elsewhere' }
  /** By words alone: these have no vectors. */
  | { kind: 'words'; without: string[] }
  /** There is no way to search all of them. */
  | { kind: 'refused'; dense: string[]; words: string[] };

/** What comes of searching them together. */
export function together(entries: readonly Searchable[]): Together {
  const named = (mode: RetrievalMode): string[] =>
    entries.filter((entry) => !modesOf(entry).includes(mode)).map(({ name }) => name);
  const modes = commonModes(entries);
  if (modes.length === 0) return { kind: 'refused', dense: named('bm25'), words: named('dense') };
  if (entries.some(({ link }) => link)) return { kind: 'fused', because: 'elsewhere' };
  if (!modes.includes('dense')) return { kind: 'words', without: named('dense') };
  if (new Set(entries.map(({ encoder }) => encoder)).size > 1) return { kind: 'fused', because: 'encoders' };
  return { kind: 'one' };
}

/** The way to search a choice: what is set where that goes, else words or whatever there is. */
export function fittingMode(
  choice: string,
  list: readonly CorpusEntry[],
  wanted: RetrievalMode,
): RetrievalMode {
  const modes = commonModes(entriesOf(choice, list));
  return modes.includes(wanted) ? wanted : modes.includes('bm25') ? 'bm25' : (modes[0] ?? wanted);
}
