import { expect, it } from 'vitest';
import type { Passage } from '../../src/protocol/retrieval';
import { generateWorld } from './generate';
import type { WorldQuestion } from './types';

// Plain BM25 over titles and texts, k1 = 0.9 and b = 0.4, without stemming: enough to judge the questions.
const tokens = (text: string): string[] => text.toLowerCase().match(/[\p{L}\d]+/gu) ?? [];

function lexical(passages: readonly Passage[]): (query: string, topK: number) => string[] {
  const lengths: number[] = [];
  const postings = new Map<string, Map<number, number>>();
  passages.forEach(({ title, text }, i) => {
    const words = tokens(`${title} ${text}`);
    lengths.push(words.length);
    for (const word of words) {
      const posting = postings.get(word) ?? new Map<number, number>();
      posting.set(i, (posting.get(i) ?? 0) + 1);
      postings.set(word, posting);
    }
  });
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  return (query, topK) => {
    const scores = new Float64Array(passages.length);
    for (const word of new Set(tokens(query))) {
      const posting = postings.get(word);
      if (!posting) continue;
      const idf = Math.log(1 + (passages.length - posting.size + 0.5) / (posting.size + 0.5));
      for (const [i, count] of posting) {
        const norm = count + 0.9 * (0.6 + (0.4 * (lengths[i] ?? mean)) / mean);
        scores[i] = (scores[i] ?? 0) + (idf * count) / norm;
      }
    }
    const ranked = [...scores.keys()]
      .sort((i, j) => (scores[j] ?? 0) - (scores[i] ?? 0) || i - j)
      .slice(0, topK);
    return ranked.map((i) => passages[i]?.id ?? '');
  };
}

const world = generateWorld({ seed: 'retrieval', split: 'test', passages: 1000, questions: 200 });
const search = lexical(world.passages);
const shareOf = (questions: readonly WorldQuestion[], found: (question: WorldQuestion) => boolean) =>
  questions.filter(found).length / questions.length;
const ofKind = (kind: WorldQuestion['kind']) => world.questions.filter((question) => question.kind === kind);

it('hides later hops from a retriever that sees the question alone', () => {
  const share = shareOf(ofKind('bridge'), ({ question, gold }) => {
    const found = search(question, 8);
    return gold.every((id) => found.includes(id));
  });
  expect(share).toBeLessThan(0.1);
});

it('shows the first hop to a retriever that sees the question alone', () => {
  expect(
    shareOf(world.questions, ({ question, gold }) => search(question, 8).includes(gold[0] ?? '')),
  ).toBeGreaterThan(0.95);
});

it('is solved by the planned queries', () => {
  const share = shareOf(world.questions, ({ plan }) =>
    plan.every(({ query, passageId }) => search(query, 3).includes(passageId)),
  );
  expect(share).toBeGreaterThan(0.97);
});
