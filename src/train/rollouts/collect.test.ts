import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  finish,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  search,
  tickingClock,
  unavailable,
} from '../../agent/testing/scripted';
import { INVALID_OBSERVATION, searchObservation, shownDocuments } from '../../agent/observation';
import { CpuBackend } from '../../gpu/cpu/backend';
import type { LoadedModel } from '../../lm/engine';
import { AppError } from '../../protocol/errors';
import type { Hit, Retriever } from '../../protocol/retrieval';
import type { Rollout } from '../records';
import { createReward } from '../rewards/create-reward';
import { collectRollouts, type CollectOptions } from './collect';
import { samplerDeviation } from './sampler-check';
import {
  END,
  flatReward,
  policyOf,
  question,
  say,
  ScriptedEngine,
  tokenizer,
  toyEngine,
} from '../../../tests/training/scripted-policy';

const options = (overrides: Partial<CollectOptions> & Pick<CollectOptions, 'policy'>): CollectOptions => ({
  questions: [question('a')],
  retriever: new ScriptedRetriever(),
  generator: new ScriptedModel(['Ada'], 'generator'),
  reward: flatReward,
  settings: { promptStyle: 'compact', documentsPerQuery: 1, initialDocuments: 1 },
  sampling: { temperature: 0.6, topP: 0.95 },
  lengths: { start: 2000, prompt: 2000, response: 200, observation: 400 },
  seed: 1,
  step: 1,
  concurrency: 4,
  clock: tickingClock(),
  ...overrides,
});

async function one(overrides: Partial<CollectOptions> & Pick<CollectOptions, 'policy'>): Promise<Rollout> {
  const [rollout] = await collectRollouts(options(overrides));
  if (!rollout) throw new Error('no rollout');
  return rollout;
}

const found = (query: string): string =>
  searchObservation(shownDocuments([{ passage: passage(`${query}#1`), score: 1, rank: 1 }]));

/** The tokens where `actions` is `action`, as text. */
const written = ({ tokens, actions, promptLength }: Rollout, action: 0 | 1): string =>
  tokenizer.decode(
    tokens.filter((_, at) => at >= promptLength && actions[at] === action),
    { special: true },
  );

describe('the sequence of an episode', () => {
  it('is the prompt, then responses and observations, token by token as the policy saw and wrote them', async () => {
    const engine = new ScriptedEngine([say(search('b')), [...say(finish([1])), END]]);
    const rollout = await one({ policy: policyOf(engine) });
    const [first, second] = engine.asked;
    expect(rollout.promptLength).toBe(first?.tokens.length);
    expect(rollout.tokens.slice(0, second?.tokens.length)).toEqual(second?.tokens);
    expect(rollout.tokens.slice(second?.tokens.length)).toEqual([...say(finish([1])), END]);
    expect(written(rollout, 1)).toBe(`${search('b')}${finish([1])}<|im_end|>`);
    expect(written(rollout, 0)).toBe(found('b'));
    expect(rollout.actions.slice(0, rollout.promptLength)).toEqual(new Uint8Array(rollout.promptLength));
    expect(rollout.exactLogProbs).toBe(true);
  });

  it('has the sampler’s log-probability at every action and 0 elsewhere', async () => {
    const rollout = await one({ policy: policyOf(new ScriptedEngine([say(search('b')), say(finish())])) });
    let place = 0;
    rollout.tokens.forEach((_, at) => {
      place = rollout.actions[at] === 1 ? place + 1 : 0;
      expect(rollout.logProbs[at]).toBeCloseTo(-place / 100, 6);
    });
  });

  it('ends with the last response even where the turns were used up', async () => {
    const rollout = await one({
      policy: policyOf(new ScriptedEngine([say(search('b'))])),
      settings: { promptStyle: 'compact', maxTurns: 1, documentsPerQuery: 1, initialDocuments: 1 },
    });
    expect(written(rollout, 1)).toBe(search('b') + search('b'));
    expect(rollout.actions.at(-1)).toBe(1);
  });

  it('leaves out the end token of a response that an observation follows, as the context did', async () => {
    const engine = new ScriptedEngine([[...say('what?'), END], say(finish())]);
    const rollout = await one({ policy: policyOf(engine) });
    expect(written(rollout, 1)).toBe(`what?${finish()}`);
    expect(written(rollout, 0)).toBe(INVALID_OBSERVATION);
    expect(rollout.exactLogProbs).toBe(true);
  });

  it('has the response as it was read again: tokenised anew, its log-probabilities then not known', async () => {
    const letters = [...search('b')].flatMap((letter) => say(letter));
    const engine = new ScriptedEngine([letters, say(finish())]);
    expect(letters).not.toEqual(say(search('b')));
    const rollout = await one({ policy: policyOf(engine) });
    expect(rollout.tokens.slice(0, engine.asked[1]?.tokens.length)).toEqual(engine.asked[1]?.tokens);
    expect(written(rollout, 1)).toBe(search('b') + finish());
    expect(rollout.exactLogProbs).toBe(false);
    const unknown = say(search('b')).findIndex((token, at) => token !== letters[at]);
    const { logProbs, promptLength } = rollout;
    expect(unknown).toBeGreaterThan(0);
    expect(logProbs[promptLength + unknown - 1]).toBeCloseTo(-unknown / 100, 6);
    expect(logProbs[promptLength + unknown]).toBe(0);
    expect(logProbs.at(-1)).toBeLessThan(0);
  });

  it('keeps what was sampled of a response that was cut inside its last token’s text', async () => {
    const engine = new ScriptedEngine([say(`${search('b')}\n\nmore`), say(finish())]);
    const rollout = await one({ policy: policyOf(engine) });
    expect(written(rollout, 1)).toBe(search('b') + finish());
    expect(rollout.exactLogProbs).toBe(true);
  });

  it('keeps the prompt’s last tokens and the first of the rest, and says that probabilities are others then', async () => {
    const script = [say(search('b')), say(finish())];
    const whole = await one({ policy: policyOf(new ScriptedEngine(script)) });
    const lengths = { start: 50, prompt: 2000, response: 200, observation: 400 };
    const tail = await one({ policy: policyOf(new ScriptedEngine(script)), lengths });
    expect(tail.tokens).toEqual(whole.tokens.slice(whole.promptLength - 50));
    expect(tail.promptLength).toBe(50);
    expect(tail.exactLogProbs).toBe(false);
    expect(tail.actions).toEqual(whole.actions.slice(whole.promptLength - 50));

    const room = whole.tokens.length - 20;
    const narrow = await one({ policy: policyOf(new ScriptedEngine(script, room)) });
    expect(narrow.tokens).toEqual(whole.tokens.slice(0, room));
    expect(narrow.logProbs).toHaveLength(room);
  });
});

describe('what the policy is asked', () => {
  it('is drawn as training says, whatever the system’s own settings, with its adapter', async () => {
    const engine = new ScriptedEngine([say(finish())]);
    await one({
      policy: policyOf(engine, 'policy'),
      settings: { promptStyle: 'compact', searcherTemperature: 0, mode: 'code' },
      sampling: { temperature: 0.8, topP: 0.9 },
    });
    expect(engine.asked[0]).toMatchObject({
      adapter: 'policy',
      maxNewTokens: 200,
      maxPromptTokens: 2000,
      sampling: { temperature: 0.8, topP: 0.9 },
    });
  });

  it('has a seed of its own for every step, question and repetition, and the same one again', async () => {
    const seeds = async (seed: number, step: number): Promise<(number | undefined)[]> => {
      const engine = new ScriptedEngine([say(finish())]);
      const questions = [question('a'), question('b')];
      await collectRollouts(
        options({ policy: policyOf(engine), questions, rolloutsPerPrompt: 2, concurrency: 1, seed, step }),
      );
      return engine.asked.map(({ sampling }) => sampling.seed);
    };
    const all = [...(await seeds(1, 1)), ...(await seeds(1, 2)), ...(await seeds(2, 1))];
    expect(new Set(all).size).toBe(12);
    expect(all.every((seed) => Number.isSafeInteger(seed))).toBe(true);
    expect(await seeds(1, 1)).toEqual(all.slice(0, 4));
  });

  it('must be sampled: temperature 0 is refused', async () => {
    const policy = policyOf(new ScriptedEngine([say(finish())]));
    await expect(one({ policy, sampling: { temperature: 0, topP: 1 } })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });
});

describe('many episodes', () => {
  const questions = ['a', 'b', 'c', 'd', 'e'].map((id) => question(id));

  it('run so many at a time, and come back in the order of the questions', async () => {
    const counts = { now: 0, most: 0 };
    const inner = new ScriptedRetriever();
    const retriever: Retriever = {
      async search(queries, topK, signal): Promise<Hit[][]> {
        counts.now += 1;
        counts.most = Math.max(counts.most, counts.now);
        await new Promise((resolve) => setTimeout(resolve, queries[0]?.includes(' a') === true ? 8 : 1));
        counts.now -= 1;
        return inner.search(queries, topK, signal);
      },
    };
    const progress: number[] = [];
    const rollouts = await collectRollouts(
      options({
        ...{ policy: policyOf(new ScriptedEngine([say(finish())])), questions, retriever },
        ...{ rolloutsPerPrompt: 2, concurrency: 3 },
        onProgress: ({ done, total }) => progress.push(done / total),
      }),
    );
    expect(rollouts.map(({ question: { id } }) => id).join('')).toBe('aabbccddee');
    expect(counts.most).toBe(3);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
  });

  it('survive one that fails, which is marked and keeps its trace', async () => {
    const retriever = new ScriptedRetriever((query) =>
      query.includes(' c') ? unavailable() : [passage(query)],
    );
    const rollouts = await collectRollouts(
      options({ policy: policyOf(new ScriptedEngine([say(finish())])), questions, retriever }),
    );
    expect(rollouts.map(({ failed }) => failed?.code ?? '')).toEqual(['', '', 'NETWORK', '', '']);
    expect(rollouts[2]).toMatchObject({ tokens: [], promptLength: 0, exactLogProbs: false });
    expect(rollouts[2]?.events.map(({ type }) => type)).toEqual(['question', 'failed']);
  });

  it('are no step at all when every one fails', async () => {
    const retriever = new ScriptedRetriever(unavailable);
    const policy = policyOf(new ScriptedEngine([say(finish())]));
    await expect(collectRollouts(options({ policy, questions, retriever }))).rejects.toMatchObject({
      code: 'NETWORK',
      fix: 'Start it.',
    });
  });

  it('end together when the device is lost', async () => {
    const engine = new ScriptedEngine((_, call) => {
      if (call === 2) throw new AppError('DEVICE_LOST', 'The GPU is gone.');
      return say(finish());
    });
    const policy = policyOf(engine);
    await expect(collectRollouts(options({ policy, questions, concurrency: 2 }))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
    });
    expect(engine.asked.length).toBeLessThan(5);
  });

  it('stop when told to', async () => {
    const controller = new AbortController();
    const engine = new ScriptedEngine(() => {
      controller.abort();
      return say(finish());
    });
    const collecting = collectRollouts(
      options({ policy: policyOf(engine), questions, concurrency: 1, signal: controller.signal }),
    );
    await expect(collecting).rejects.toMatchObject({ code: 'ABORTED' });
    expect(engine.asked).toHaveLength(1);
  });

  it('ask no generator where the reward looks at no answer', async () => {
    const generator = new ScriptedModel(['Ada'], 'generator');
    const reward = { ...flatReward, needsAnswer: false };
    const policy = policyOf(new ScriptedEngine([say(finish())]));
    await collectRollouts(options({ policy, questions, generator, reward }));
    expect(generator.requests).toEqual([]);
  });
});

describe('other systems', () => {
  it('train by the same recording: Search-R1, which answers by itself', async () => {
    const [ask, answer] = ['<search> b </search>', '<answer> Ada </answer>'];
    const engine = new ScriptedEngine([say(ask), [...say(answer), END]]);
    const rollout = await one({ policy: policyOf(engine), system: 'search-r1' });
    expect(written(rollout, 1)).toBe(`${ask}${answer}<|im_end|>`);
    expect(rollout.reward.answer).toBe('Ada');
  });

  it('keep to the recipe’s turns and documents', async () => {
    const engine = new ScriptedEngine([say('<search> b </search>')]);
    const settings = { maxTurns: 1, documentsPerQuery: 2 };
    const { events } = await one({ policy: policyOf(engine), system: 'search-r1', settings });
    const found = events.flatMap((event) => (event.type === 'retrieved' ? [event.documents.length] : []));
    expect(found).toEqual([2]);
  });

  it('may write one query, raw: DeepRetrieval, whose unreadable rewrites are rewarded as such and do not fail', async () => {
    const retriever = Object.assign(new ScriptedRetriever(), { mode: 'bm25' as const });
    const reward = createReward({ kind: 'recall-tiers', format: true });
    const from = async (text: string): Promise<Rollout> => {
      const engine = new ScriptedEngine([[...say(text), END]]);
      const questions = [question('a', { goldIds: ['b#1', 'b#5'] })];
      const settings = { documentsPerQuery: 6 };
      return one({
        policy: policyOf(engine),
        system: 'deepretrieval',
        retriever,
        reward,
        settings,
        questions,
      });
    };
    const rollout = await from('so</think><answer>{"query": "b"}</answer>');
    expect(rollout.reward).toMatchObject({ score: 6, accuracy: 1 });
    expect(rollout.actions.reduce((sum, action) => sum + action, 0)).toBe(
      rollout.tokens.length - rollout.promptLength,
    );
    const unreadable = await from('hm');
    expect(unreadable.failed).toBeUndefined();
    expect(unreadable.reward).toMatchObject({ score: -4, tier: 'error' });
  });

  it('that call their searcher with unrelated prompts are refused', async () => {
    const policy = policyOf(new ScriptedEngine([say('<|begin_search_query|>b<|end_search_query|>')]));
    await expect(one({ policy, system: 'search-o1' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('on a real engine', () => {
  const backend = new CpuBackend();
  let engine: LoadedModel;
  beforeAll(async () => {
    engine = await toyEngine(backend, 4);
  });
  afterAll(() => {
    engine.dispose();
    backend.dispose();
  });
  const questions = ['a', 'b', 'c', 'd'].map((id) => question(id));
  const settings = {
    promptStyle: 'compact',
    documentsPerQuery: 1,
    initialDocuments: 1,
    maxTurns: 2,
  } as const;
  const lengths = { start: 1000, prompt: 1000, response: 12, observation: 200 };
  const collect = (concurrency: number): Promise<Rollout[]> =>
    collectRollouts(
      options({ policy: policyOf(engine), questions, settings, lengths, rolloutsPerPrompt: 2, concurrency }),
    );

  it('draws the same whatever is decoded beside it, and something else for each repetition', async () => {
    const alone = await collect(1);
    engine.resetCache();
    const together = await collect(4);
    expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    expect(together.map(({ logProbs }) => logProbs)).toEqual(alone.map(({ logProbs }) => logProbs));
    expect(alone[0]?.tokens).not.toEqual(alone[1]?.tokens);
  });

  it('samples with the log-probabilities that the finished sequence has', async () => {
    const rollouts = await collect(4);
    // A random model seldom writes what tokenises to itself.
    const exact = rollouts.map((rollout) => ({ ...rollout, exactLogProbs: true }));
    const [own] = exact;
    if (!own) throw new Error('no rollout');
    const known = {
      ...own,
      actions: own.actions.map((action, at) => (own.logProbs[at] === 0 ? 0 : action)),
    };
    expect(known.actions).toContain(1);
    const at = (temperature: number): Promise<number | undefined> =>
      samplerDeviation([known], { engine, temperature });
    expect(await at(0.6)).toBeLessThan(1e-4);
    expect(await at(1)).toBeGreaterThan(0.05);
    expect(await samplerDeviation([{ ...own, exactLogProbs: false }], { engine, temperature: 0.6 })).toBe(
      undefined,
    );
  });
});
