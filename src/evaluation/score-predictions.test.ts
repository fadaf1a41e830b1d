import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverMatch } from './metrics';
import { readGoldAnswers, readPredictions } from './prediction-files';
import { scorePredictions } from './score-predictions';

const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('predictions against gold answers', () => {
  it('are scored by id, missing ones as wrong, unknown ones not at all', () => {
    const predictions = lines({ id: 'a', prediction: 'The Louvre.' }, { id: 2, prediction: 'in Paris, France' }, { id: 'x', prediction: 'y' }); // prettier-ignore
    const gold = lines({ id: 'a', golden_answers: ['Louvre'] }, { id: '2', golden_answers: ['Paris', 'Lyon'] }, { id: 'c', golden_answers: ['z'] }); // prettier-ignore
    const { each, ...all } = scorePredictions(readPredictions(predictions), readGoldAnswers(gold));
    expect(all).toEqual({ em: 1 / 3, f1: 0.5, acc: 2 / 3, cover_em: 2 / 3, n: 3, missing: 1, unknown: 1 });
    expect(each.map((s) => [s.id, s.em, s.f1, s.missing])).toEqual([
      ['a', 1, 1, undefined],
      ['2', 0, 0.5, undefined],
      ['c', 0, 0, true],
    ]);
  });

  it("come in SQuAD's form as well", () => {
    const gold = { version: '1.1', data: [{ title: 't', paragraphs: [{ context: 'c', qas: [
      { id: 'q1', question: '?', answers: [{ text: 'Saint Bernadette Soubirous', answer_start: 1 }] },
      { id: 'q2', question: '?', answers: [] },
    ] }] }] }; // prettier-ignore
    const predictions = JSON.stringify({ q1: 'Bernadette Soubirous', q2: '' });
    const scores = scorePredictions(readPredictions(predictions), readGoldAnswers(JSON.stringify(gold)));
    // Of q1 two of three words: F1 = 2·2/(2+3); q2 has no answer, and none is given.
    expect(scores).toMatchObject({ n: 2, em: 0.5, f1: 0.9 });
  });

  it("come as s3's result files as well, where a question that failed has no answer", () => {
    const gold = { 'Who?': { golden_answers: ['Ada'], context_with_info: '' }, 'Why?': { golden_answers: ['x'] } };
    const predictions = { nq: { 'Who?': { answer: 'Ada', score: 1, em_score: 1 }, 'Why?': { answer: null, score: 0, em_score: 0 } } };
    const scores = scorePredictions(readPredictions(JSON.stringify(predictions)), readGoldAnswers(JSON.stringify(gold)));
    expect(scores).toMatchObject({ n: 2, em: 0.5, missing: 1 });
  }); // prettier-ignore

  it('of a single line are no other file', () => {
    expect(readPredictions('{"id": "a", "prediction": "b"}').get('a')).toBe('b');
    expect(readGoldAnswers('{"id": "a", "answer": "b"}').get('a')).toEqual(['b']);
    expect(readGoldAnswers('{"id": "a", "answers": ["b", "c"]}').get('a')).toEqual(['b', 'c']);
  });

  it.each([
    ['', /holds no predictions/],
    ['{"id": "a"}', /Line 1/],
    ['nothing', /Line 1/],
    ['{"id": "a", "prediction": "b"}\n{"id": "a", "prediction": "c"}', /twice/],
    ['[1, 2]', /no form/],
  ])('in %j are refused', (content, reason) => {
    expect(() => readPredictions(content)).toThrow(reason);
  });

  it('are read or refused whatever a file holds', () => {
    const read = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_INPUT' });
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json({ maxDepth: 3 })), (content) => {
        read(() => readPredictions(content));
        read(() => readGoldAnswers(content));
      }),
      { numRuns: 10_000 },
    );
  });
});

it.each([
  ['the Parisian', ['Paris'], 1],
  ['Lyon', ['Paris'], 0],
  ['x', ['the'], 0],
  ['the', ['a'], 1],
  ['x', [], 0],
])('cover EM of %j for %j is %d', (prediction, golds, expected) => {
  expect(coverMatch(prediction, golds)).toBe(expected);
});
