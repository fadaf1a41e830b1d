import { describe, expect, test } from 'vitest';
import { checkRunConfig, requireRunConfig } from './config-schema';
import { defaultRunConfig, PRESET_NAMES } from './default-config';

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** A default configuration with one field changed. */
function changed(path: string, value: unknown): unknown {
  const config = throughJson(defaultRunConfig()) as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  let place = config;
  for (const name of names) place = place[name] as Record<string, unknown>;
  if (value === undefined) Reflect.deleteProperty(place, last);
  else place[last] = value;
  return config;
}

describe('a run’s configuration', () => {
  test.each(PRESET_NAMES)('of the preset %s is sound, and stays what it is through JSON', (preset) => {
    const config = defaultRunConfig(preset);
    expect(requireRunConfig(throughJson(config))).toEqual(config);
  });

  test.each([
    ['ppo.batch.miniBatch', 0, 'must be 1 or more'],
    ['ppo.batch.miniBatch', 17, 'is more than the 16 prompts of a step'],
    ['ppo.batch.prompts', 1.5, 'must be a whole number'],
    ['ppo.actor.learningRate', 'fast', 'must be a number'],
    ['ppo.sampling.temperature', 0, 'must be more than 0'],
    ['ppo.advantage.kind', 'guess', 'must be one of gae, grpo, rloo, reinforce++'],
    ['ppo.critic', undefined, 'is missing: GAE needs a critic'],
    ['searcher.model', ' ', 'must not be empty'],
    ['generator', undefined, 'is missing'],
    ['ppo.learningrate', 1, 'is not known; check its spelling'],
    ['trained.modules', ['q_proj', 'lm_head'], 'must be one of q_proj'],
    ['format', 'other', 'must be "s3-web/run-config"'],
  ])('with %s = %j is refused in words', (path, value, message) => {
    const { issues } = checkRunConfig(changed(path, value));
    expect(issues.map((issue) => issue.message).join()).toContain(message);
    expect(issues[0]?.path.split('.')[0]).toBe(path.split('.')[0]);
    expect(() => requireRunConfig(changed(path, value))).toThrow(message);
  });

  test('for groups needs several rollouts of a question', () => {
    const config = defaultRunConfig('search-r1-grpo');
    config.ppo.batch.rolloutsPerPrompt = 1;
    expect(checkRunConfig(config).issues.map((issue) => issue.path)).toEqual(['ppo.batch.rolloutsPerPrompt']);
  });

  test('is no object at all: said of the whole', () => {
    expect(checkRunConfig(null).issues).toHaveLength(1);
    expect(() => requireRunConfig('text')).toThrow('The file');
  });
});
