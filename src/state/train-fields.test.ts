import { describe, expect, it } from 'vitest';
import { fieldWords, optionWords } from '../app/strings/train-fields';
import type { RunConfig } from '../train/records';
import { checkRunConfig } from '../train/runs/config-schema';
import { defaultRunConfig, PRESET_NAMES } from '../train/runs/default-config';
import { FIELDS, fieldsOf, FIELD_GROUPS, isChanged, setField, valueOf } from './train-fields';
import { differences, readPath, withPath } from './train-paths';

const base = defaultRunConfig('small-gpu');

describe('the fields of a recipe', () => {
  it.each(PRESET_NAMES)('of %s that matter all have a value or may be without one', (preset) => {
    const config = defaultRunConfig(preset);
    for (const group of FIELD_GROUPS) {
      for (const field of fieldsOf(group, config)) {
        const free = field.kind === 'number' && field.none !== undefined;
        const left = valueOf(config, field.path) === undefined && !free;
        expect(left ? field.path : 'there').toBe('there');
      }
    }
  });

  it('each have a label and a sentence, and words for options that are codes', () => {
    for (const { path } of FIELDS) expect(fieldWords[path]?.[1] ?? path).toMatch(/^[A-Z].*\.$/);
    for (const [path, words] of Object.entries(optionWords)) {
      const field = FIELDS.find((known) => known.path === path);
      const options = field?.kind === 'choice' ? field.options : [];
      expect(Object.keys(words).filter((option) => !options.includes(option))).toEqual([]);
    }
  });

  it('leave what they were set from untouched, and go back', () => {
    const changed = setField(base, 'ppo.batch.prompts', 32, base);
    expect(base.ppo.batch.prompts).toBe(16);
    expect(isChanged(changed, base, 'ppo.batch.prompts')).toBe(true);
    expect(setField(changed, 'ppo.batch.prompts', 16, base)).toEqual(base);
  });

  it('that the agent needs, too, are told to it', () => {
    const changed = setField(base, 'ppo.search.topK', 8, base);
    expect(changed.agent.documentsPerQuery).toBe(8);
    expect(setField(base, 'ppo.search.maxTurns', 5, base).agent.maxTurns).toBe(5);
  });

  it('of a choice between kinds bring the fields of the kind along, and drop the others', () => {
    const grpo = setField(base, 'ppo.advantage.kind', 'grpo', base);
    expect(grpo.ppo.critic).toBeUndefined();
    expect(grpo.ppo.advantage).toMatchObject({ kind: 'grpo', normalise: true });
    const back = setField(grpo, 'ppo.advantage.kind', 'gae', base);
    expect(back.ppo).toEqual(base.ppo);
    const answer = setField(base, 'reward.kind', 'answer', base);
    expect(answer.reward).toEqual({ kind: 'answer', accuracy: 'em' });
    expect(setField(answer, 'reward.kind', 'gain-beyond-rag', base).reward).toEqual(base.reward);
    expect(setField(base, 'trained.kind', 'model', base).trained).toEqual({ kind: 'model' });
    expect(setField(base, 'ppo.kl.controller.kind', 'adaptive', base).ppo.kl.controller.kind).toBe(
      'adaptive',
    );
  });

  it.each([
    ['reward.kind', 'recall-tiers'],
    ['reward.kind', 'formula'],
    ['reward.kind', 'answer'],
    ['reward.format', 0.2],
    ['system', 'search-r1'],
    ['system', 'deepretrieval'],
    ['trained.kind', 'adapter'],
    ['ppo.kl.controller.kind', 'adaptive'],
    ['ppo.advantage.kind', 'reinforce++'],
  ])('%s = %s is a recipe that the schema takes', (path, kind) => {
    expect(checkRunConfig(setField(base, path, kind, base)).issues).toEqual([]);
  });

  it('that may be left out are empty then', () => {
    expect(valueOf(base, 'searcher.weights')).toBe('');
    const q4 = setField(base, 'searcher.weights', 'q4', base);
    expect(q4.searcher.weights).toBe('q4');
    expect('weights' in setField(q4, 'searcher.weights', '', base).searcher).toBe(false);
  });
});

describe('the agent of a recipe', () => {
  const shown = (config: RunConfig): string[] =>
    FIELD_GROUPS.flatMap((group) => fieldsOf(group, config).map(({ path }) => path));

  it('is s3 where nothing is said, and a paper’s with its preset', () => {
    expect(valueOf(base, 'system')).toBe('');
    expect('system' in setField(setField(base, 'system', 'search-r1', base), 'system', '', base)).toBe(false);
    expect(valueOf(defaultRunConfig('search-r1-grpo'), 'system')).toBe('search-r1');
  });

  it('has only the fields that it reads', () => {
    expect(shown(base)).toContain('agent.documentsSelected');
    const searchR1 = shown(defaultRunConfig('search-r1'));
    expect(searchR1).toContain('ppo.search.maxTurns');
    expect(searchR1).not.toContain('agent.promptStyle');
    expect(shown(defaultRunConfig('deepretrieval'))).not.toContain('ppo.search.maxTurns');
  });

  it.each(['gain-beyond-rag', 'answer', 'recall-tiers', 'formula'])(
    'rewarded by %s has each field once, each with what the kind needs',
    (kind) => {
      const config = setField(base, 'reward.kind', kind, base);
      const paths = shown(config);
      expect(new Set(paths).size).toBe(paths.length);
      for (const name of Object.keys(config.reward)) expect(paths).toContain(`reward.${name}`);
    },
  );

  it('may get the points of Search-R1 for the format of its answer, and none', () => {
    const answer = setField(base, 'reward.kind', 'answer', base);
    const points = setField(answer, 'reward.format', 'search-r1', base);
    expect(checkRunConfig(points).config?.reward).toEqual({
      kind: 'answer',
      accuracy: 'em',
      format: 'search-r1',
    });
    expect(setField(points, 'reward.format', '', base).reward).toEqual(answer.reward);
  });
});

describe('differences', () => {
  it('name each leaf that changed, came or went, and not the name', () => {
    const after = setField({ ...base, name: 'another' }, 'ppo.actor.learningRate', 5e-5, base);
    expect(differences(base, after)).toEqual([{ path: 'ppo.actor.learningRate', before: 1e-4, after: 5e-5 }]);
    const grpo = setField(base, 'ppo.advantage.kind', 'grpo', base);
    const paths = differences(base, grpo).map(({ path }) => path);
    expect(paths).toContain('ppo.advantage.kind');
    expect(paths).toContain('ppo.advantage.gamma');
    expect(paths).toContain('ppo.critic.learningRate');
  });

  it('compare lists by what is in them', () => {
    const same = withPath(base, 'ppo.run.saveAt', [...base.ppo.run.saveAt]);
    expect(differences(base, same)).toEqual([]);
    expect(readPath(withPath(base, 'ppo.run.saveAt', [20, 50]), 'ppo.run.saveAt')).toEqual([20, 50]);
  });

  it('of what does not exist is undefined, whatever the path', () => {
    expect(readPath(base, 'ppo.nothing.there')).toBeUndefined();
    expect(readPath(base, 'ppo')).toBeUndefined();
  });
});
