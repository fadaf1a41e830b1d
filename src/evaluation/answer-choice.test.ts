import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerChoice, optionsOf } from './answer-choice';

const OPTIONS = { A: 'Aspirin', B: 'Beta blockers', C: 'Aspirin and heparin', D: 'yes' };

describe('the chosen option', () => {
  it.each([
    ['B', 'B'],
    ['b', 'B'],
    ['(C)', 'C'],
    ['C. Aspirin and heparin', 'C'],
    ['**B**', 'B'],
    ['B: Beta blockers', 'B'],
    ['The answer is B.', 'B'],
    ['First I thought the answer is A, but the answer is (C).', 'C'],
    ['The correct option: D', 'D'],
    ['{"step_by_step_thinking": "A is wrong", "answer_choice": "B"}', 'B'],
    ['So \\boxed{C}', 'C'],
    ['beta blockers.', 'B'],
    ['It should be treated with beta blockers', 'B'],
    ['A patient with asthma', undefined],
    ['The answer is a tumour', undefined],
    ['aspirin', 'A'],
    ['Aspirin and heparin are given', undefined], // both A and C stand in it
    ['yesterday', undefined],
    ['E', undefined],
    ['', undefined],
  ])('of %j is %s', (answer, letter) => {
    expect(answerChoice(answer, OPTIONS)).toBe(letter);
  });

  it('is one of the options or nothing, for any text', () => {
    const part = fc.constantFrom('answer is ', 'A', 'B', '(', ')', 'Aspirin', '"answer": "', '\\boxed{', '}', ' ', '\n'); // prettier-ignore
    const text = fc
      .array(fc.oneof(part, fc.string({ maxLength: 4 })), { maxLength: 10 })
      .map((p) => p.join(''));
    fc.assert(
      fc.property(text, fc.dictionary(fc.string({ maxLength: 2 }), fc.string()), (answer, options) => {
        expect([undefined, ...Object.keys(OPTIONS)]).toContain(answerChoice(answer, OPTIONS));
        expect([undefined, ...Object.keys(options)]).toContain(answerChoice(answer, options));
      }),
      { numRuns: 2_000 },
    );
  });
});

it('the options are read from a question', () => {
  expect(optionsOf('Which?\nOptions:\nA. Aspirin\nB. Beta blockers\n')).toEqual({
    A: 'Aspirin',
    B: 'Beta blockers',
  });
  expect(optionsOf('Which?')).toEqual({});
});
