import { expect, it } from 'vitest';
import { AppError, toEnvelope } from '../../protocol/errors';
import { smallerLoad } from './model-words';

const error = (context: Record<string, string | number>) =>
  toEnvelope(new AppError('OUT_OF_MEMORY', 'It needs too much.', { fix: 'Take less.', context }));

it('the smaller setting that an error names may change the weights, too', () => {
  expect(smallerLoad(error({ smallerContext: 4096, smallerSlots: 2 }))).toEqual({
    ...{ maxContext: 4096, slots: 2 },
    label: 'Load with 4,096 tokens of context, 2 sequences at a time',
  });
  expect(smallerLoad(error({ smallerContext: 4096, smallerSlots: 1, smallerWeights: 'q4' }))).toMatchObject({
    ...{ maxContext: 4096, slots: 1, weights: 'q4' },
    label: 'Load with weights in q4, 4,096 tokens of context, one sequence at a time',
  });
  expect(smallerLoad(error({ smallerContext: 4096, smallerSlots: 1, smallerWeights: 'q99' }))).not.toHaveProperty(
    'weights',
  );
  expect(smallerLoad(error({ smallerContext: 4096 }))).toBeNull();
});
