import { COMPARED } from './comparisons';
import { TITLES } from './names';
import { PROSE } from './prose';
import { RELATIONS } from './relations';
import { KINDS } from './types';
import { WORDS } from './words';

const wordsOf = (texts: readonly string[]): string[] =>
  texts
    .flatMap((text) => text.replace(/\{[^}]*\}/g, ' ').match(/[\p{L}']+/gu) ?? [])
    .map((word) => word.toLowerCase());

/** Words that stand in titles beside the invented ones, lower case. */
export const TITLE_WORDS: ReadonlySet<string> = new Set([
  ...wordsOf(Object.values(TITLES).flat()),
  // "A" before a vowel
  'an',
  ...wordsOf(['ware', 'emblem', 'emblems', 'shade', 'mood', 'role'].flatMap((name) => WORDS[name] ?? [])),
]);

/** Every word of the prose and the questions that is not an invented name, lower case. No name may be one of them. */
export const ORDINARY_WORDS: ReadonlySet<string> = new Set([
  ...TITLE_WORDS,
  ...wordsOf(Object.values(WORDS).flat()),
  ...KINDS.flatMap((kind) => {
    const { noun, intro, facts, details } = PROSE[kind];
    const asked = RELATIONS[kind].flatMap(({ ask, phrase, hint }) => [...ask, ...(phrase ?? []), ...hint]);
    const compared = COMPARED[kind];
    return wordsOf([
      noun,
      ...intro,
      ...facts,
      ...details,
      ...asked,
      ...(compared ? [...compared.earlier, ...compared.later] : []),
    ]);
  }),
]);
