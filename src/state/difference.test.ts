import { expect, it } from 'vitest';
import { foldTrace } from '../agent/trace-view';
import type { TraceEvent } from '../protocol/trace';
import { differenceOf, onlyReadBy, readDocuments } from './difference';
import { FIXTURE_NAIVE, FIXTURE_S3 } from './fixture-trace';

const s3 = foldTrace(FIXTURE_S3);
const naive = foldTrace(FIXTURE_NAIVE);
const titles = (documents: readonly { title: string }[]): string[] => documents.map(({ title }) => title);

it('a run with a context has read the context, each passage once', () => {
  const read = readDocuments(s3);
  expect(read.map(({ passageId }) => passageId).sort()).toEqual(
    s3.context?.documents.map(({ passageId }) => passageId).sort(),
  );
  expect(read.every(({ gold, passageId }) => gold === s3.goldIds.includes(passageId))).toBe(true);
});

it('a run that answers by itself has read all that it was shown', () => {
  const own = foldTrace(FIXTURE_S3.filter((event: TraceEvent) => event.type !== 'context'));
  const shown = new Set(own.turns.flatMap((turn) => turn.window?.documents.map((d) => d.passageId) ?? []));
  expect(readDocuments(own)).toHaveLength(shown.size);
});

it('the difference of two runs parts what they read into three', () => {
  const { both, onlyFirst, onlySecond } = differenceOf(s3, naive);
  expect(titles([...both, ...onlyFirst]).sort()).toEqual(titles(readDocuments(s3)).sort());
  expect(titles([...both, ...onlySecond]).sort()).toEqual(titles(readDocuments(naive)).sort());
  expect(onlyFirst.some(({ carries, title }) => carries && title === 'Odell Marrin')).toBe(true);
});

it('nothing is marked while a run has not read yet, nor where there is nothing beside it', () => {
  const early = foldTrace(FIXTURE_S3.slice(0, 2));
  expect(onlyReadBy([early, naive]).every((set) => set.size === 0)).toBe(true);
  expect(onlyReadBy([s3])).toEqual([new Set()]);
  const [own] = onlyReadBy([s3, naive]);
  expect([...(own ?? [])]).toEqual(differenceOf(s3, naive).onlyFirst.map(({ passageId }) => passageId));
});
