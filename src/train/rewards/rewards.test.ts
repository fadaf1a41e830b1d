import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { finish, passage, ScriptedModel, search } from '../../agent/testing/scripted';
import { createJudge } from '../../evaluation/judge';
import { RagCache } from '../precompute/rag-cache';
import { episodeOf } from '../../../tests/training/episodes';
import { createReward, needsBaselines, needsJudge } from './create-reward';
import { customReward, FORMULA_FACTS } from './formula-reward';
import { rankTier, recallTier, tierLabels } from './recall-tiers';
import { tierShares } from './tier-shares';

const cache = (answer: string | null, score: number, em_score = 0): RagCache =>
  RagCache.parse({ toy: { 'Who built it?': { answer, score, em_score } } });

const found = await episodeOf({ says: [search('b', [1]), finish([2])], question: { goldIds: ['b#2'] } });
const wrong = await episodeOf({ says: [finish()], answer: 'Bob', question: { goldIds: ['b#2'] } });
const lost = await episodeOf({ says: ['hm?'], answer: 'Bob' });

describe('the gain beyond RAG', () => {
  it.each([
    // Accuracy of s3 and of plain RAG; the rewards of the paper and of the published code.
    [found, 0, 1, 2],
    [found, 1, 0, 1],
    [wrong, 0, 0, 0],
    [wrong, 1, -1, -1],
  ])('is the table of the paper, and that of the code', async (episode, rag, paper, code) => {
    const baselines = cache('Eve', rag);
    const judge = createJudge(new ScriptedModel(['no']));
    const score = async (form: 'paper' | 'code'): Promise<number> =>
      (
        await createReward({ kind: 'gain-beyond-rag', form, accuracy: 'genacc' }, { judge, baselines }).score(
          episode,
        )
      ).score;
    expect(await score('paper')).toBe(paper);
    expect(await score('code')).toBe(code);
  });

  it('tells accuracy, baseline, answer, tier, and whether all gold passages were read', async () => {
    const reward = createReward(
      { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'em', format: 0.1 },
      { baselines: cache('Ada', 0, 1) },
    );
    expect(await reward.score(found)).toEqual({
      ...{ score: 0.1, accuracy: 1, baseline: 1, answer: 'Ada', goldInContext: true, wellFormed: true },
      tier: 'gain 0',
    });
    expect(await reward.score(lost)).toMatchObject({ score: -1, wellFormed: false });
  });

  it('measures plain RAG’s answer as it measures s3’s where the cache has no such score', async () => {
    const score = async (
      accuracy: 'f1' | 'span' | 'judge',
      answer: string | null,
    ): Promise<number | undefined> => {
      const judge = createJudge(new ScriptedModel(['yes']));
      const reward = createReward(
        { kind: 'gain-beyond-rag', form: 'paper', accuracy },
        { judge, baselines: cache(answer, 0) },
      );
      return (await reward.score(found)).baseline;
    };
    expect(await score('f1', 'Ada Bob')).toBeCloseTo(2 / 3);
    expect(await score('span', 'It was Ada')).toBe(1);
    expect(await score('judge', 'Eve')).toBe(1);
    expect(await score('judge', null)).toBe(0);
  });

  it('is refused before the first rollout where plain RAG’s answers are not known', async () => {
    const reward = createReward(
      { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'em' },
      { baselines: new RagCache() },
    );
    expect(() => reward.check?.([found.question])).toThrow(/not known for 1 of 1 questions/);
    await expect(reward.score(found)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(() => createReward({ kind: 'gain-beyond-rag', form: 'paper', accuracy: 'em' })).toThrow(
      /needs what plain RAG answers/,
    );
  });

  it('does not keep a judgement that failed', async () => {
    let calls = 0;
    const judge = (): Promise<boolean> => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error('down')) : Promise.resolve(true);
    };
    const options = { kind: 'gain-beyond-rag', form: 'paper', accuracy: 'judge' } as const;
    const reward = createReward(options, { judge, baselines: cache('Eve', 0) });
    await expect(reward.score(found)).rejects.toThrow('down');
    expect((await reward.score(found)).score).toBe(0);
  });
});

describe('the reward of the answer', () => {
  it.each([
    ['em', 'The Ada!', 1],
    ['em', 'Ada Lovelace', 0],
    ['f1', 'Ada Lovelace', 2 / 3],
    ['span', 'Ada Lovelace', 1],
  ] as const)('by %s of %j is %d', async (accuracy, answer, score) => {
    const episode = await episodeOf({ says: [finish()], answer });
    expect((await createReward({ kind: 'answer', accuracy }).score(episode)).score).toBeCloseTo(score);
  });

  it('by a judge needs one', () => {
    expect(needsJudge({ kind: 'answer', accuracy: 'judge' })).toBe(true);
    expect(needsJudge({ kind: 'recall-tiers', format: true })).toBe(false);
    expect(needsBaselines({ kind: 'answer', accuracy: 'em' })).toBe(false);
    expect(() => createReward({ kind: 'answer', accuracy: 'genacc' })).toThrow(/needs a model that judges/);
  });

  it('gives points for a transcript without an invalid action, which the searcher ended', async () => {
    const reward = createReward({ kind: 'answer', accuracy: 'em', format: 0.5 });
    expect((await reward.score(wrong)).score).toBe(0.5);
    expect((await reward.score(lost)).score).toBe(0);
    const endless = await episodeOf({ says: [search('b')], answer: 'Bob' });
    expect((await reward.score(endless)).score).toBe(0);
  });
});

describe('Search-R1’s reward with format', () => {
  const [think, ask, right, bad] = [
    '<think>a</think>',
    '<search>b</search>',
    '<answer>Ada</answer>',
    '<answer>Bob</answer>',
  ];
  it.each([
    [[`${think}${ask}`, `${think}\n${right}`], 1, 'right'],
    [[ask, right], 0.8, 'right, malformed'],
    [[`${think}${ask}`, `${think}${bad}`], 0.2, 'wrong, well-formed'],
    [[`${think}${think}${bad}`], 0.1, 'wrong'],
    [[`${think}<search>a<think></search>`, `${think}${bad}`], 0.1, 'wrong'],
    [['hm'], 0, 'no answer'],
  ])('of %j is %d', async (says, score, tier) => {
    const episode = await episodeOf({ says, system: 'search-r1' });
    const reward = createReward({ kind: 'answer', accuracy: 'em', format: 'search-r1' });
    expect(await reward.score(episode)).toMatchObject({ score, tier });
  });
});

describe('DeepRetrieval’s tiers', () => {
  const rewrite = (query: string): string => `so</think><answer>{"query": ${JSON.stringify(query)}}</answer>`;
  const literature = createReward({ kind: 'recall-tiers', format: true });

  it.each([
    [0.7, 5],
    [0.69, 4],
    [0.5, 4],
    [0.4, 3],
    [0.3, 1],
    [0.1, 0.5],
    [0.05, 0.1],
    [0.049, -3.5],
  ])('of recall %d give %d', (recall, points) => expect(recallTier(recall).points).toBe(points));

  it.each([
    [1, 5, 5],
    [6, 4, 4],
    [50, 2, 2],
    [100, 1, 1],
    [1000, 0.5, 0.5],
    [3000, 0.1, 0.1],
    [3001, -3.5, -2.5],
    [undefined, -3.5, -2.5],
  ])('of rank %s give %d, and on SQuAD %d', (rank, nq, squad) => {
    expect(rankTier(rank, 'nq').points).toBe(nq);
    expect(rankTier(rank, 'squad').points).toBe(squad);
  });

  it('count what the one query found, with a point for format', async () => {
    const goldIds = ['b#1', 'b#3', 'x#1', 'y#1'];
    const episode = await episodeOf({ says: [rewrite('b')], system: 'deepretrieval', question: { goldIds } });
    expect(await literature.score(episode)).toMatchObject({
      ...{ score: 5, accuracy: 0.5, tier: 'recall ≥ 0.5', wellFormed: true, goldInContext: false },
    });
    const plain = createReward({ kind: 'recall-tiers', format: false });
    expect((await plain.score(episode)).score).toBe(4);
  });

  it('give −4 to a malformed rewrite and −3 to a well-formed one that says nothing, an empty one too', async () => {
    const score = async (text: string): Promise<number> => {
      const goldIds = ['Who built it?#1'];
      const episode = await episodeOf({ says: [text], system: 'deepretrieval', question: { goldIds } });
      return (await literature.score(episode)).score;
    };
    expect(await score('{"query": "b"}')).toBe(-4);
    expect(await score(`<think>${rewrite('b')}`)).toBe(-4);
    expect(await score('<answer>{"query": "b"}</answer></think>')).toBe(-4);
    expect(await score('so</think><answer></answer>')).toBe(-3);
    expect(await score('so</think><answer>{"q": 1}</answer>')).toBe(-3);
  });

  it('go by the rank of the answer where no gold passages are known', async () => {
    const find = (query: string, topK: number) =>
      Array.from({ length: topK }, (_, i) => passage(`${query}#${i}`, i === 6 ? 'By Ada.' : 'By Bob.'));
    const episode = await episodeOf({ says: [rewrite('b')], system: 'deepretrieval', find, documents: 10 });
    expect(await literature.score(episode)).toMatchObject({ score: 5, accuracy: 1 / 7, tier: 'rank ≤ 20' });
    const squad = createReward({ kind: 'recall-tiers', format: false, tiers: 'squad' });
    const none = await episodeOf({ says: [rewrite('b')], system: 'deepretrieval' });
    expect(await squad.score(none)).toMatchObject({ score: -2.5, tier: 'not found' });
  });

  it('look at what reached the generator where an agent selects', async () => {
    expect(await literature.score(found)).toMatchObject({ score: 6, accuracy: 1 });
    expect(literature.needsAnswer).toBe(false);
  });

  it('of recall need gold passages', () => {
    const reward = createReward({ kind: 'recall-tiers', format: true, tiers: 'literature' });
    expect(() => reward.check?.([lost.question])).toThrow(/name no gold passages/);
    expect(() => literature.check?.([lost.question])).not.toThrow();
  });

  it('are named best first', () => {
    expect(tierLabels('literature')).toHaveLength(8);
    expect(tierLabels('nq').slice(0, 2)).toEqual(['rank ≤ 5', 'rank ≤ 20']);
    expect(tierLabels('nq').slice(-2)).toEqual(['not found', 'error']);
  });

  it('are counted per step, best-paid first, without the rollouts that failed', () => {
    const one = (score: number, tier?: string) => ({ reward: { score, accuracy: 0, ...(tier && { tier }) } });
    const failed = { code: 'NETWORK', message: '', fix: '', recoverable: true } as const;
    const shares = tierShares([
      one(-1, 'gain -1'),
      one(1, 'gain 1'),
      one(1, 'gain 1'),
      { ...one(0, 'x'), failed },
    ]);
    expect(Object.entries(shares ?? {})).toEqual([
      ['gain 1', 2 / 3],
      ['gain -1', 1 / 3],
    ]);
    expect(tierShares([one(1)])).toBeUndefined();
    expect(tierShares([])).toBeUndefined();
  });
});

describe('a formula', () => {
  const score = async (formula: string, episode = found): Promise<number> =>
    (
      await createReward({ kind: 'formula', formula, accuracy: 'em' }, { baselines: cache('Eve', 1) }).score(
        episode,
      )
    ).score;

  it.each([
    ['1 + 2 * 3 - 8 / 4', 5],
    ['-(2 - 5) * .5', 1.5],
    ['max(1, 2, 3) - min(4, abs(-2))', 1],
    ['1 / 0', 0],
    ['(2 >= 2) + (1 < 0) + (3 == 3)', 2],
    ['sqrt(9) - 2 - 1', 0],
  ])('%s is %d', async (formula, value) => expect(await score(formula)).toBeCloseTo(value));

  it('speaks of the trace', async () => {
    const facts =
      'accuracy + 10 * searches + 100 * selected + 1000 * turns + 10000 * goldInContext + 100000 * finished';
    expect(await score(facts)).toBe(112_211);
    expect(await score('baseline + 10 * invalidActions + 100 * contextDocuments', lost)).toBe(341);
    const again = await episodeOf({ says: [search('Who built it?'), finish()] });
    expect(await score('repeatedQueries', again)).toBe(1);
  });

  it.each([
    ['', 'ends too soon'],
    ['1 +', 'ends too soon'],
    ['accuracy * (2', '“)” is missing'],
    ['accuracy searches', '“searches” is not expected there'],
    ['constructor', '“constructor” is not known'],
    ['max', '“(” is missing'],
    ['a.b', 'cannot be read'],
    ['('.repeat(60) + '1' + ')'.repeat(60), 'nested too deeply'],
  ])('%j is refused in plain words', async (formula, message) => {
    await expect(async () => score(formula)).rejects.toThrow(message);
  });
});

it('docs/rewards.md tells every name that a formula may speak of, and no other', async () => {
  const page = await readFile('docs/rewards.md', 'utf8');
  const [, section = ''] = page.split('## A formula of your own');
  const [table = ''] = section.split('\n## ');
  const rows = [...table.matchAll(/^\| `(\w+)`\s*\| (.+?)\s*\|$/gm)].map(([, name, meaning]) => [
    name,
    meaning,
  ]);
  expect(Object.fromEntries(rows)).toEqual(FORMULA_FACTS);
});

describe('a function of the trace', () => {
  it('is a reward too', async () => {
    const reward = customReward(({ events }) => events.filter(({ type }) => type === 'retrieved').length);
    expect(await reward.score(found)).toEqual({
      ...{ score: 2, accuracy: 1, answer: 'Ada', wellFormed: true, goldInContext: true },
    });
    expect(customReward(() => 0, { needsAnswer: false }).needsAnswer).toBe(false);
  });
});
