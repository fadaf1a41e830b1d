/**
 * Analysis by language. English and CJK follow Lucene's analyzers; the other languages are the words of UAX #29 in lower case, elided
 * articles taken off, through the Snowball stemmer. Lucene's own analyzers of some of these languages stem more lightly and drop
 * stop words, so that only the rankings of `english` and `cjk` are to be compared with Lucene's.
 */
import { AppError } from '../../protocol/errors';
import { ANALYZERS, type AnalyzerName } from '../../protocol/corpus';
import { ANALYZER_ID, lowerCase, normalizeToken, tokenize } from './analyzer';
import { cjkTokens, normalizeCjk } from './cjk-analyzer';

export interface Analyzer {
  /** Written into every index: a change of the rules is a change of this name. */
  readonly id: string;
  readonly name: AnalyzerName;
  /** What stands in the text, in order. */
  readonly tokens: (text: string) => Iterable<string>;
  /** The index term of one token, or `null` for a stop word. Depends on the token alone. */
  readonly term: (token: string) => string | null;
}

/** The index terms of a text, in order, duplicates kept. */
export function termsOf({ tokens, term }: Analyzer, text: string): string[] {
  const terms: string[] = [];
  for (const token of tokens(text)) {
    const found = term(token);
    if (found !== null) terms.push(found);
  }
  return terms;
}

export const englishAnalyzer: Analyzer = {
  ...{ id: ANALYZER_ID, name: 'english', tokens: tokenize, term: normalizeToken },
};

export const simpleAnalyzer: Analyzer = {
  ...{ id: 'simple/1', name: 'simple', tokens: tokenize, term: lowerCase },
};

const cjkAnalyzer: Analyzer = {
  ...{ id: 'lucene-cjk/1', name: 'cjk', tokens: cjkTokens, term: normalizeCjk },
};

type Stemmed = Exclude<AnalyzerName, 'english' | 'simple' | 'cjk'>;

const STEMMERS: Readonly<Record<Stemmed, () => Promise<{ stemmer: (word: string) => string }>>> = {
  danish: () => import('@orama/stemmers/danish'),
  dutch: () => import('@orama/stemmers/dutch'),
  finnish: () => import('@orama/stemmers/finnish'),
  french: () => import('@orama/stemmers/french'),
  german: () => import('@orama/stemmers/german'),
  hungarian: () => import('@orama/stemmers/hungarian'),
  italian: () => import('@orama/stemmers/italian'),
  norwegian: () => import('@orama/stemmers/norwegian'),
  portuguese: () => import('@orama/stemmers/portuguese'),
  romanian: () => import('@orama/stemmers/romanian'),
  russian: () => import('@orama/stemmers/russian'),
  spanish: () => import('@orama/stemmers/spanish'),
  swedish: () => import('@orama/stemmers/swedish'),
  turkish: () => import('@orama/stemmers/turkish'),
};

const articles = (list: string): RegExp => new RegExp(`^(?:${list.replaceAll(' ', '|')})['\u2019]`, 'u');

/** Articles that stand before a word with an apostrophe: the lists of Lucene's French and Italian analyzers. */
const ELISIONS: Partial<Record<Stemmed, RegExp>> = {
  french: articles('l m t qu n s j d c jusqu quoiqu lorsqu puisqu'),
  italian: articles(
    'c l all dall dell nell sull coll pell gl agl dagl degl negl sugl un m t s v d quell quest',
  ),
};

/** Turkish alone has two letters i, each with its own capital. */
const lowerCaseIn = (name: Stemmed, word: string): string =>
  name === 'turkish' ? word.toLocaleLowerCase('tr') : lowerCase(word);

async function stemmed(name: Stemmed): Promise<Analyzer> {
  const { stemmer } = await STEMMERS[name]().catch((cause: unknown) => {
    throw new AppError('NETWORK', `The rules of ${name} words could not be loaded.`, {
      ...{ fix: 'Check the connection and try again.', recoverable: true, cause },
    });
  });
  const elision = ELISIONS[name];
  return {
    ...{ id: `snowball-${name}/1`, name, tokens: tokenize },
    term(token) {
      const word = lowerCaseIn(name, token);
      return stemmer(elision ? word.replace(elision, '') : word) || null;
    },
  };
}

const loaded = new Map<AnalyzerName, Promise<Analyzer>>();

/** Rejects with `NETWORK` where the part of the page that stems this language cannot be loaded. */
export function loadAnalyzer(name: AnalyzerName): Promise<Analyzer> {
  if (name === 'english') return Promise.resolve(englishAnalyzer);
  if (name === 'simple') return Promise.resolve(simpleAnalyzer);
  if (name === 'cjk') return Promise.resolve(cjkAnalyzer);
  const known = loaded.get(name) ?? stemmed(name);
  loaded.set(name, known);
  known.catch(() => loaded.delete(name));
  return known;
}

/** The analyzer that an index names. Rejects with `UNSUPPORTED` where this version has no such rules. */
export async function analyzerOf(id: unknown): Promise<Analyzer> {
  const name = ANALYZERS.find((one) => typeof id === 'string' && id.split('/')[0]?.endsWith(one));
  const analyzer = name === undefined ? null : await loadAnalyzer(name);
  if (analyzer && analyzer.id === id) return analyzer;
  throw new AppError('UNSUPPORTED', `The BM25 index was analysed with ${String(id).slice(0, 80)}.`, {
    fix: 'Build the index again; this version has other rules.',
  });
}
