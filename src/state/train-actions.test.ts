import { describe, expect, it } from 'vitest';
import { defaultRunConfig } from '../train/runs/default-config';
import type { ListedRun } from '../train/worker-api';
import { actionsOf, secondsLeft, standingOf } from './train-actions';

const run = (change: Partial<ListedRun> = {}): ListedRun => ({
  ...{ id: 'r', config: defaultRunConfig(), createdAt: '', status: 'ready', step: 0, cursor: 0 },
  ...{ checkpoints: [], bytes: 0, owner: 'none', interrupted: false, ...change },
});

describe('what can be done with a run', () => {
  it('that is under way here: pause, save, stop', () => {
    expect(actionsOf(run({ status: 'running', owner: 'here' }))).toEqual({
      ...{ main: 'pause', step: false, save: true, stop: true },
    });
  });

  it('that another tab has: nothing but looking on', () => {
    const theirs = run({ status: 'running', owner: 'elsewhere' });
    expect(standingOf(theirs)).toBe('elsewhere');
    expect(actionsOf(theirs)).toEqual({ main: null, step: false, save: false, stop: false });
  });

  it('whose tab went away: go on', () => {
    const left = run({ status: 'running', interrupted: true, step: 4 });
    expect(standingOf(left)).toBe('interrupted');
    expect(actionsOf(left)).toMatchObject({ main: 'resume', step: true });
  });

  it('that is paused: resume or step, and save and stop only while it is loaded', () => {
    expect(actionsOf(run({ status: 'paused', owner: 'here' }))).toMatchObject({
      main: 'resume',
      save: true,
      stop: true,
    });
    expect(actionsOf(run({ status: 'paused' }))).toMatchObject({ main: 'resume', save: false, stop: false });
  });

  it('that ended: a finished one is only looked at, a failed or stopped one goes on', () => {
    expect(actionsOf(run({ status: 'finished' })).main).toBeNull();
    expect(actionsOf(run({ status: 'failed' })).main).toBe('resume');
    expect(actionsOf(run({ status: 'stopped' })).main).toBe('resume');
  });
});

it('the time left comes from the last steps, and from nothing where the run has no end', () => {
  const config = defaultRunConfig();
  const steps = [90, 10, 20].map((stepSeconds) => ({ metrics: { stepSeconds } }));
  const bounded = { ...config, ppo: { ...config.ppo, run: { ...config.ppo.run, steps: 10 } } };
  expect(secondsLeft(run({ config: bounded, step: 4 }), steps)).toBe(6 * 40);
  const endless = { ...config, ppo: { ...config.ppo, run: { ...config.ppo.run, steps: null } } };
  expect(secondsLeft(run({ config: endless }), steps)).toBeNull();
  expect(secondsLeft(run({ config: bounded }), [])).toBeNull();
});
