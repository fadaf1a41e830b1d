import type { Kind } from './types';

export interface Comparison {
  key: string;
  earlier: readonly string[];
  later: readonly string[];
  hint: readonly string[];
}

/** The attribute that comparison questions weigh, with their two directions. */
export const COMPARED: Partial<Record<Kind, Comparison>> = {
  person: {
    key: 'born',
    earlier: [
      'Who was born earlier, {a} or {b}?',
      'Who was born first, {a} or {b}?',
      'Who was older, {a} or {b}?',
    ],
    later: ['Who was born later, {a} or {b}?', 'Who was younger, {a} or {b}?'],
    hint: ['birth year', 'born'],
  },
  town: years('founded', 'founded'),
  lake: years('mapped', 'first mapped', false),
  mountain: years('climbed', 'first climbed', false),
  guild: years('founded', 'founded'),
  book: years('year', 'published'),
  ship: years('launched', 'launched'),
  bridge: years('opened', 'opened'),
  festival: years('since', 'first held'),
  lighthouse: years('lit', 'first lit'),
  school: years('founded', 'founded'),
  theatre: years('opened', 'opened'),
  museum: years('opened', 'opened'),
  garden: years('planted', 'planted'),
  painting: years('year', 'painted'),
  opera: years('year', 'first performed'),
  inn: years('opened', 'opened'),
  bell: years('year', 'cast'),
  cheese: years('year', 'first made'),
};

function years(key: string, done: string, older = true): Comparison {
  return {
    key,
    earlier: [
      `Which was ${done} earlier, {a} or {b}?`,
      `Which was ${done} in an earlier year, {a} or {b}?`,
      ...(older ? ['Which is older, {a} or {b}?'] : []),
    ],
    later: [`Which was ${done} later, {a} or {b}?`, ...(older ? ['Which is younger, {a} or {b}?'] : [])],
    hint: [done, 'year'],
  };
}
