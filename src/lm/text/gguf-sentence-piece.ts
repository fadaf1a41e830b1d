/**
 * SentencePiece vocabularies of the BPE kind (Llama 1 and 2). They have scores instead of merges: the pair whose union scores
 * highest is merged first. The same as merges: every way to put a piece together from two others, best piece first.
 */

/** One way to make a piece: from its first `left` characters and the rest. */
interface Merge {
  piece: string;
  id: number;
  left: number;
}

/** Pieces longer than this are not taken apart: there is none in a real vocabulary, and a hostile one could be a megabyte. */
const MAX_PIECE = 256;

/**
 * @param pieces of the ordinary tokens, by id; gaps where a token is none
 * @param scores by id
 * @returns pairs, first the one to merge first
 */
export function mergesOfScores(
  pieces: readonly (string | undefined)[],
  scores: ArrayLike<number>,
): [string, string][] {
  const ids = new Map<string, number>();
  pieces.forEach((piece, id) => {
    if (piece !== undefined) ids.set(piece, id);
  });
  const merges: Merge[] = [];
  for (const [piece, id] of ids) {
    if (piece.length > MAX_PIECE) continue;
    for (let left = 1; left < piece.length; left += 1) {
      if (ids.has(piece.slice(0, left)) && ids.has(piece.slice(left))) merges.push({ piece, id, left });
    }
  }
  merges.sort((a, b) => (scores[b.id] ?? 0) - (scores[a.id] ?? 0) || a.id - b.id || a.left - b.left);
  return merges.map(({ piece, left }) => [piece.slice(0, left), piece.slice(left)]);
}
