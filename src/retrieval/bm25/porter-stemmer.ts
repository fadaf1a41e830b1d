/**
 * M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two changes that Porter's own programs
 * and Lucene's `PorterStemFilter` carry: `bli → ble` instead of `abli → able`, and `logi → log`.
 *
 * Step numbers and conditions are the paper's: m is the measure, i.e. the number of VC sequences in [C](VC)^m[V].
 */

/** Which letters of the word are consonants: not a, e, i, o, u, and not y after a consonant. */
function consonants(word: string): boolean[] {
  const result: boolean[] = [];
  for (let i = 0; i < word.length; i++) {
    const letter = word[i] ?? '';
    if (letter === 'y') result.push(i === 0 || !result[i - 1]);
    else result.push(!'aeiou'.includes(letter));
  }
  return result;
}

function measure(stem: string): number {
  const isConsonant = consonants(stem);
  let m = 0;
  for (let i = 1; i < isConsonant.length; i++) if (isConsonant[i] && !isConsonant[i - 1]) m++;
  return m;
}

/** The paper's `*v*`. */
const hasVowel = (stem: string): boolean => consonants(stem).includes(false);

/** The paper's `*d`. */
function endsInDoubleConsonant(stem: string): boolean {
  const last = stem.length - 1;
  return last > 0 && stem[last] === stem[last - 1] && consonants(stem)[last] === true;
}

/** The paper's `*o`: consonant, vowel, consonant, the last one not w, x or y. */
function endsInCvc(stem: string): boolean {
  const isConsonant = consonants(stem);
  const last = stem.length - 1;
  if (last < 2 || !isConsonant[last] || isConsonant[last - 1] || !isConsonant[last - 2]) return false;
  return !'wxy'.includes(stem[last] ?? '');
}

/** Longer suffixes first wherever one is the end of another: the first that matches decides, whether its condition holds or not. */
const STEP_2: readonly (readonly [string, string])[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['bli', 'ble'],
  ['alli', 'al'],
  ['entli', 'ent'],
  ['eli', 'e'],
  ['ousli', 'ous'],
  ['ization', 'ize'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
  ['logi', 'log'],
];

const STEP_3: readonly (readonly [string, string])[] = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
];

const STEP_4: readonly string[] = [
  'al',
  'ance',
  'ence',
  'er',
  'ic',
  'able',
  'ible',
  'ant',
  'ement',
  'ment',
  'ent',
  'ion',
  'ou',
  'ism',
  'ate',
  'iti',
  'ous',
  'ive',
  'ize',
];

function step1a(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  if (word.endsWith('s') && !word.endsWith('ss')) return word.slice(0, -1);
  return word;
}

function step1b(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = word.endsWith('ed') ? 2 : word.endsWith('ing') ? 3 : 0;
  if (suffix === 0) return word;
  const stem = word.slice(0, -suffix);
  if (!hasVowel(stem)) return word;
  if (stem.endsWith('at') || stem.endsWith('bl') || stem.endsWith('iz')) return stem + 'e';
  if (endsInDoubleConsonant(stem) && !/[lsz]$/.test(stem)) return stem.slice(0, -1);
  return measure(stem) === 1 && endsInCvc(stem) ? stem + 'e' : stem;
}

const step1c = (word: string): string =>
  word.endsWith('y') && hasVowel(word.slice(0, -1)) ? word.slice(0, -1) + 'i' : word;

function replaceSuffix(word: string, rules: readonly (readonly [string, string])[]): string {
  for (const [suffix, replacement] of rules) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, -suffix.length);
    return measure(stem) > 0 ? stem + replacement : word;
  }
  return word;
}

function step4(word: string): string {
  for (const suffix of STEP_4) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, -suffix.length);
    if (suffix === 'ion' && !/[st]$/.test(stem)) return word;
    return measure(stem) > 1 ? stem : word;
  }
  return word;
}

function step5(word: string): string {
  let result = word;
  if (result.endsWith('e')) {
    const stem = result.slice(0, -1);
    const m = measure(stem);
    if (m > 1 || (m === 1 && !endsInCvc(stem))) result = stem;
  }
  return result.endsWith('ll') && measure(result) > 1 ? result.slice(0, -1) : result;
}

/** Stems a lower-case word. Words of one or two letters stay as they are. */
export function porterStem(word: string): string {
  if (word.length < 3) return word;
  const stripped = step1c(step1b(step1a(word)));
  return step5(step4(replaceSuffix(replaceSuffix(stripped, STEP_2), STEP_3)));
}
