/** Which option an answer chooses, for data sets of multiple choice such as MIRAGE's. */

export type Options = Readonly<Record<string, string>>;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.。]$/, '');

/**
 * The letter of the option that the answer settles on, or undefined. Looked for in this order: a JSON field `answer_choice` or
 * `answer`; "the answer is (B)" and its kin, the last one; the answer is nothing but a letter, or begins with one as "B." or "(B)"; it
 * is the text of one option; it holds the text of exactly one option.
 */
export function answerChoice(answer: string, options: Options): string | undefined {
  const letters = Object.keys(options).filter((letter) => /^[A-Za-z]$/.test(letter));
  if (letters.length === 0) return undefined;
  const known = (letter: string | undefined): string | undefined =>
    letters.find((one) => one.toLowerCase() === letter?.toLowerCase());
  const choices = letters.map(escaped).join('');
  const end = '(?![\\p{L}\\p{N}_])';
  const stated = [
    new RegExp(`"answer(?:_choice)?"\\s*:\\s*"\\(?([${choices}])${end}`, 'giu'),
    // The letter in capitals, else "the answer is a tumour" would choose A.
    new RegExp(
      `(?:answer|choice|option)(?: is| would be|:| =)?:? {0,3}(?:\\*\\*|\\(|\\[|"|\\\\boxed\\{|option )*([${choices.toUpperCase()}])(?![\\p{L}\\p{N}_'’-])`,
      'gu',
    ),
    new RegExp(`\\\\boxed\\{\\(?([${choices}])\\)?\\}`, 'giu'),
  ];
  for (const pattern of stated) {
    const letter = known([...answer.matchAll(pattern)].at(-1)?.[1]);
    if (letter !== undefined) return letter;
  }
  const begins = new RegExp(
    `^\\s*(?:\\*\\*|\\(|\\[)?([${choices}])(?:\\*\\*|\\)|\\]|\\.|:|,)*(?:\\s*$|(?<=[).:\\]*])\\s)`,
    'iu',
  );
  const letter = known(begins.exec(answer)?.[1]);
  if (letter !== undefined) return letter;
  const text = plain(answer);
  const same = letters.filter((one) => plain(options[one] ?? '') === text);
  if (same.length === 1) return same[0];
  const held = letters.filter((one) => {
    const option = plain(options[one] ?? '');
    if (option === '') return false;
    return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(option)}${end}`, 'iu').test(text);
  });
  return held.length === 1 ? held[0] : undefined;
}

/** The options of a question as MIRAGE's are asked: `…\nOptions:\nA. …\nB. …`. */
export function optionsOf(question: string): Options {
  const [, list = ''] = question.split('\nOptions:');
  const options: Record<string, string> = {};
  for (const [, letter, text] of list.matchAll(/^\s*\(?([A-Za-z])[.):]\s*(.+)$/gm)) {
    if (letter !== undefined && text !== undefined) options[letter] ??= text.trim();
  }
  return options;
}
