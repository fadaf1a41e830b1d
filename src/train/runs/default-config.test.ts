import { describe, expect, test } from 'vitest';
import { tierLabels } from '../rewards/recall-tiers';
import { createReward } from '../rewards/create-reward';
import { defaultRunConfig, PRESET_NAMES } from './default-config';

describe('a preset', () => {
  test.each(['search-r1', 'search-r1-grpo'] as const)('%s trains Search-R1 on exact matches', (preset) => {
    const { system, reward } = defaultRunConfig(preset);
    expect(system).toBe('search-r1');
    expect(reward).toEqual({ kind: 'answer', accuracy: 'em' });
  });

  test('deepretrieval trains DeepRetrieval on the tiers of its recall', async () => {
    const { system, reward } = defaultRunConfig('deepretrieval');
    expect(system).toBe('deepretrieval');
    expect(reward).toEqual({ kind: 'recall-tiers', format: true });
    const goldIds = ['p1'];
    const question = { id: 'q', source: 's', question: 'Q?', goldAnswers: ['a'], goldIds };
    const { tier } = await createReward(reward).score(
      { question, system: 'deepretrieval', events: [] },
      new AbortController().signal,
    );
    expect(tierLabels('literature')).toContain(tier);
  });

  test('of anybody else trains the searcher of s3', () => {
    const others = PRESET_NAMES.filter((name) => !/^(search-r1|deepretrieval)/.test(name));
    expect(others.length).toBeGreaterThan(3);
    for (const name of others) expect(defaultRunConfig(name)).not.toHaveProperty('system');
  });
});
