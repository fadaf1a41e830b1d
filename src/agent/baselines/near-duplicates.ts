/** Which paragraphs count as the same (rapidfuzz's `ratio`, with which the code of IRCoT compares them). */

export interface Paragraph {
  title: string;
  text: string;
}

const THRESHOLD = 90;
/** The comparison takes quadratic time; paragraphs of 600 words are shorter than this. */
const COMPARED = 5000;

/** Equal, or alike in both title and text. */
export function nearDuplicate(a: Paragraph, b: Paragraph): boolean {
  if (a.title === b.title && a.text === b.text) return true;
  return alike(a.title, b.title) && alike(a.text, b.text);
}

/** 100 · 2·LCS / (|a| + |b|): the share of characters that both have in the same order; 100 for two empty texts. */
export function similarity(a: string, b: string): number {
  const total = a.length + b.length;
  return total === 0 ? 100 : (200 * commonLength(a, b)) / total;
}

function alike(a: string, b: string): boolean {
  // No need to look further where even the shorter text as a whole would not be enough.
  const most = (200 * Math.min(a.length, b.length)) / Math.max(1, a.length + b.length);
  if (a === b) return true;
  return most >= THRESHOLD && similarity(a.slice(0, COMPARED), b.slice(0, COMPARED)) >= THRESHOLD;
}

/** Length of the longest common subsequence, in UTF-16 units; time |a|·|b|, memory |b|. */
function commonLength(a: string, b: string): number {
  const row = new Uint32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const unit = a.charCodeAt(i);
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0;
      row[j] = unit === b.charCodeAt(j - 1) ? diagonal + 1 : Math.max(above, row[j - 1] ?? 0);
      diagonal = above;
    }
  }
  return row[b.length] ?? 0;
}
