import { expect, it } from 'vitest';
import { readEvaluationConfig } from '../config';
import { estimateEvaluation } from './estimate';

const config = (more: object = {}) =>
  readEvaluationConfig({ systems: ['s3', 'naive-rag', 'direct'], datasets: ['demo:dev'], ...more });

it('an estimate counts runs, searches and calls at most, by the settings of s3', () => {
  const { bySystem, ...all } = estimateEvaluation(config({ seeds: [1, 2] }), 10);
  expect(bySystem['naive-rag']).toEqual({ runs: 20, calls: 20, searches: 20 });
  expect(bySystem['direct']).toEqual({ runs: 20, calls: 20, searches: 0 });
  // Three turns, one that only selects, and the answer.
  expect(bySystem['s3']).toMatchObject({ runs: 20, calls: 20 * 5 });
  expect(all).toMatchObject({ questions: 10, runs: 60, minutes: null, cost: null });
  const two = estimateEvaluation(config({ settings: { maxTurns: 2 } }), 10).bySystem['s3'];
  expect(two?.calls).toBe(10 * 4);
});

it('the judge is counted where it is asked, and prices and speed give cost and minutes', () => {
  const models = { judge: 'demo' };
  const plain = estimateEvaluation(config(), 10);
  expect(estimateEvaluation(config({ models }), 10).calls).toBe(plain.calls + 3 * 10 * 2);
  expect(estimateEvaluation(config({ models, accuracy: 'em' }), 10).calls).toBe(plain.calls);
  const { promptTokens, completionTokens, cost, minutes } = estimateEvaluation(
    config({ prices: { prompt: 1, completion: 2 } }),
    10,
    { prompt: 1000, completion: 10 },
  );
  expect(cost).toBeCloseTo((promptTokens + 2 * completionTokens) / 1e6, 12);
  expect(minutes).toBeCloseTo((promptTokens / 1000 + completionTokens / 10) / 60, 12);
});
