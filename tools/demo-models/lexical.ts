import type { Passage } from '../../src/protocol/retrieval';
import type { Random } from '../world/random';

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/**
 * Stands in for the encoder while demonstrations are written: idf-weighted word overlap with noise. The searcher then sees
 * result lists that are plausible but not perfect, as those of a small encoder are.
 */
export class LexicalRetriever {
  readonly #postings = new Map<string, Map<number, number>>();
  readonly #passages: readonly Passage[];

  constructor(passages: readonly Passage[]) {
    this.#passages = passages;
    passages.forEach((passage, index) => {
      const words = [...wordsOf(passage.title), ...wordsOf(passage.title), ...wordsOf(passage.text)];
      for (const word of words) {
        const posting = this.#postings.get(word) ?? new Map<number, number>();
        posting.set(index, (posting.get(index) ?? 0) + 1);
        this.#postings.set(word, posting);
      }
    });
  }

  search(query: string, topK: number, random: Random, noise: number): Passage[] {
    const scores = new Map<number, number>();
    for (const word of new Set(wordsOf(query))) {
      const posting = this.#postings.get(word);
      if (!posting) continue;
      const idf = Math.log(1 + this.#passages.length / posting.size);
      for (const [index, tf] of posting) {
        scores.set(index, (scores.get(index) ?? 0) + (idf * tf) / (tf + 1));
      }
    }
    const ranked = [...scores].map(
      ([index, score]) => [index, score * (1 + noise * (random.float() - 0.5))] as const,
    );
    ranked.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const found = ranked.slice(0, topK).map(([index]) => index);
    while (found.length < Math.min(topK, this.#passages.length)) {
      const filler = random.int(0, this.#passages.length - 1);
      if (!found.includes(filler)) found.push(filler);
    }
    return found.flatMap((index) => this.#passages[index] ?? []);
  }
}
