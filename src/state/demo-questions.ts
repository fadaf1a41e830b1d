import type { DemoQuestion } from './laboratory';

/** Three questions to begin with: two look-ups, three, and whatever else there is. */
export function exampleQuestions(questions: readonly DemoQuestion[]): DemoQuestion[] {
  const picked: DemoQuestion[] = [];
  for (const hops of [2, 3, 2]) {
    const next = questions.find((q) => q.hops === hops && !picked.includes(q) && q.question.length < 110);
    if (next) picked.push(next);
  }
  for (const question of questions) {
    if (picked.length >= 3) break;
    if (!picked.includes(question)) picked.push(question);
  }
  return picked;
}

const key = (question: string): string =>
  question.trim().replace(/\s+/g, ' ').replace(/\?+$/, '').toLowerCase();

/** The demo question that was asked, whose answer is known, if it is one. */
export const findDemoQuestion = (
  questions: readonly DemoQuestion[],
  asked: string,
): DemoQuestion | undefined => questions.find((candidate) => key(candidate.question) === key(asked));
