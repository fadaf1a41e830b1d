/** Python's `repr`, in which published prompts write lists. */

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** What `str.isprintable` refuses: controls, formats, surrogates, unassigned, and separators other than the blank. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

/** `repr(text)`: in single quotes, in double ones where the text has only single ones. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = '';
  for (const character of text) {
    if (character === quote) body += `\\${quote}`;
    else if (ESCAPES[character] !== undefined) body += ESCAPES[character];
    else if (character !== ' ' && UNPRINTABLE.test(character)) body += escaped(character);
    else body += character;
  }
  return `${quote}${body}${quote}`;
}

/** `repr` of a list of texts. */
export const pythonList = (texts: readonly string[]): string => `[${texts.map(pythonRepr).join(', ')}]`;

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = (length: number): string => code.toString(16).padStart(length, '0');
  if (code <= 0xff) return `\\x${hex(2)}`;
  return code <= 0xffff ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}
