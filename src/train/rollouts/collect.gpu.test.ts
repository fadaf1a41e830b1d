import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { flatReward, policyOf, question, toyEngine } from '../../../tests/training/scripted-policy';
import { ScriptedModel, ScriptedRetriever, tickingClock } from '../../agent/testing/scripted';
import type { Backend } from '../../gpu/backend';
import type { LoadedModel } from '../../lm/engine';
import { collectRollouts } from './collect';
import { samplerDeviation } from './sampler-check';

let backend: Backend;
let engine: LoadedModel;
beforeAll(async () => {
  backend = await openTestBackend();
  engine = await toyEngine(backend, 2);
});
afterAll(() => {
  engine.dispose();
  backend.dispose();
});

it('episodes that decode together on WebGPU are sampled with the log-probabilities that their sequences have', async () => {
  const rollouts = await collectRollouts({
    ...{ policy: policyOf(engine), questions: ['a', 'b'].map((id) => question(id)), reward: flatReward },
    ...{ retriever: new ScriptedRetriever(), generator: new ScriptedModel(['Ada'], 'generator') },
    settings: {
      promptStyle: 'compact',
      documentsPerQuery: 1,
      initialDocuments: 1,
      maxTurns: 1,
      closingTurn: false,
    },
    sampling: { temperature: 0.7, topP: 0.9 },
    lengths: { start: 800, prompt: 800, response: 5, observation: 50 },
    ...{ seed: 3, step: 1, concurrency: 2, clock: tickingClock() },
  });
  expect(rollouts.map(({ failed, exactLogProbs }) => [failed, exactLogProbs])).toEqual(
    rollouts.map(() => [undefined, true]),
  );
  expect(await samplerDeviation(rollouts, { engine, temperature: 0.7 })).toBeLessThan(1e-3);
  expect(await samplerDeviation(rollouts, { engine, temperature: 1 })).toBeGreaterThan(0.02);
});
