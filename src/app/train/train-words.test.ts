import { describe, expect, it } from 'vitest';
import { defaultRunConfig } from '../../train/runs/default-config';
import type { ListedRun, RunEstimate } from '../../train/worker-api';
import { setField } from '../../state/train-fields';
import type { RunView } from '../../state/train-run.svelte';
import {
  ago,
  bandWords,
  chartWords,
  countParts,
  differenceWords,
  estimateWords,
  formatMetric,
  formatNumber,
  stateParts,
  tierParts,
  toldDifferences,
} from './train-words';

const NOW = Date.parse('2026-11-21T12:00:12Z');
const config = defaultRunConfig('small-gpu');
const run = (change: Partial<ListedRun>): ListedRun => ({
  ...{ id: 'r', config, createdAt: '', status: 'paused', step: 140, cursor: 0 },
  ...{ checkpoints: [], bytes: 0, owner: 'here', interrupted: false, ...change },
});
const checkpoint = { step: 140, at: '2026-11-21T12:00:00Z', bytes: 1, sha256: '', kept: false };
const view = (change: Partial<RunView> = {}) =>
  ({ steps: [], progress: null, loading: null, ...change }) as unknown as RunView;

describe('numbers', () => {
  it.each([
    [0, '0'],
    [0.00012, '1.2e−4'],
    [1e-6, '1e−6'],
    [0.0213, '0.0213'],
    [-0.5, '−0.5'],
    [123456, '123,456'],
    [2.5e7, '2.5e7'],
  ])('%d is %s', (value, text) => expect(formatNumber(value)).toBe(text));

  it.each([
    [0.2, 'share', '20 %'],
    [0.056, 'share', '5.6 %'],
    [-0.25, 'share', '−25 %'],
    [0.4, 'seconds', '400 ms'],
    [21.44, 'seconds', '21.4 s'],
    [61_400_000, 'bytes', '61 MB'],
    [148.2, 'rate', '148/s'],
    [2.46, 'count', '2.5'],
    [0.04, 'count', '0.04'],
    [0.5, 'plain', '0.50'],
  ] as const)('%d as %s is %s', (value, unit, text) => expect(formatMetric(value, unit)).toBe(text));
});

describe('bands', () => {
  it('are said as people say them', () => {
    expect(bandWords({ low: 0, high: 0.2 }, 'share')).toBe('at most 20 %');
    expect(bandWords({ low: 0.9, high: 1 }, 'share')).toBe('90 % to 100 %');
    expect(bandWords({ low: 0, high: 0 }, 'count')).toBe('0');
    expect(bandWords({ low: 2 }, 'plain')).toBe('at least 2');
    expect(bandWords({ low: -0.001, high: 0.02 }, 'small')).toBe('at most 0.02');
  });

  it('and the chart are told to whoever does not see them', () => {
    const summary = { first: 0.3, last: 0.1, lowest: 0.1, highest: 0.3, count: 12 };
    expect(chartWords('clipFraction', summary, { low: 0, high: 0.2 })).toBe(
      'Clip fraction over 12 steps: from 30 % to 10 %, lowest 10 %, highest 30 %. Healthy: at most 20 %. The last value is inside.',
    );
    expect(chartWords('clipFraction', { ...summary, last: 0.3 }, { low: 0, high: 0.2 })).toContain(
      'The last value is outside.',
    );
    expect(chartWords('entropy', null, undefined)).toBe('Entropy: not measured in this run.');
    expect(chartWords('entropy', { ...summary, count: 1 }, undefined)).toBe('Entropy: one step, 0.30.');
  });
});

describe('the state in words', () => {
  it('says where a paused run stands and when it was saved', () => {
    expect(stateParts(run({ checkpoints: [checkpoint] }), view(), NOW)).toEqual([
      'paused at step 140 of 200',
      'checkpoint of step 140 saved 12 s ago',
      'this tab owns the run',
    ]);
  });

  it('says what a running one does, and how long it takes', () => {
    const steps = [{ step: 140, at: '', metrics: { stepSeconds: 20 } }];
    const progress = { step: 141, phase: 'rollouts', done: 5, total: 16 } as const;
    expect(stateParts(run({ status: 'running' }), view({ steps, progress }), NOW)).toEqual([
      ...['step 141 of 200', 'rollouts 5 of 16', 'about 20 min left', 'no checkpoint yet'],
      'this tab owns the run',
    ]);
    // The last word of the step before is not the state of the next.
    const late = { ...progress, step: 140 };
    expect(stateParts(run({ status: 'running' }), view({ progress: late }), NOW)[0]).toBe('step 141 of 200');
    const loading = { label: 'searcher', done: 1, total: 3 };
    expect(stateParts(run({ status: 'running' }), view({ loading }), NOW)[1]).toBe(
      'getting ready: searcher, 33 %',
    );
  });

  it('says that a run was interrupted, or is in another tab', () => {
    const left = run({ status: 'running', owner: 'none', interrupted: true });
    expect(stateParts(left, view(), NOW)[0]).toBe('interrupted after step 140');
    expect(stateParts(run({ owner: 'elsewhere' }), view(), NOW)[0]).toBe('step 140, in another tab');
  });

  it('takes the newest checkpoint, not the one of the last step', () => {
    const older = { ...checkpoint, step: 150, at: '2026-11-21T11:00:00Z' };
    expect(stateParts(run({ checkpoints: [checkpoint, older] }), view(), NOW)[1]).toContain(
      'step 140 saved 12 s',
    );
    expect(ago('2026-11-21T12:00:12Z', NOW)).toBe('1 s');
  });
});

it('an estimate is one line', () => {
  const estimate: RunEstimate = {
    ...{ secondsPerStep: 40, phases: {}, steps: 20, bytes: 1.4e9, weightBytes: 1, checkpointBytes: 1 },
    ...{ device: 'webgpu', deviceName: '' },
    questions: { total: 1, solved: 0, yesNo: 0, unknown: 0, left: 1 },
  };
  expect(estimateWords(estimate)).toBe('about 40 s per step · 1.4 GB · 20 steps ≈ 13 min');
  expect(estimateWords({ ...estimate, steps: null, secondsPerStep: 2.41 })).toBe(
    'about 2.4 s per step · 1.4 GB · until you stop it',
  );
});

it('parts of nothing are left out of the bar', () => {
  expect(countParts({ total: 10, solved: 4, yesNo: 0, unknown: 6, left: 6 })).toEqual([
    { key: 'unknown', count: 6 },
    { key: 'solved', count: 4 },
  ]);
  expect(countParts({ total: 10, solved: 4, yesNo: 0, unknown: 0, left: 6 })).toEqual([
    { key: 'left', count: 6 },
    { key: 'solved', count: 4 },
  ]);
});

describe('what changed', () => {
  it('is told by the names of the form, each number once', () => {
    const after = setField(
      setField(config, 'ppo.search.topK', 8, config),
      'ppo.actor.learningRate',
      5e-5,
      config,
    );
    expect(toldDifferences(config, after).map(differenceWords)).toEqual([
      'Found per query: 5 → 8',
      'Policy’s learning rate: 1e−4 → 5e−5',
    ]);
  });

  it('says options in words, and what is gone', () => {
    const grpo = setField(config, 'ppo.advantage.kind', 'grpo', config);
    const said = toldDifferences(config, grpo).map(differenceWords);
    expect(said).toContain('Advantages by: GAE → GRPO');
    expect(said).toContain('GAE λ: 1 → none');
  });

  it('says what stands where nothing was said', () => {
    const other = setField(config, 'system', 'search-r1', config);
    expect(toldDifferences(config, other).map(differenceWords)).toEqual(['Agent: s3 → Search-R1']);
  });
});

it('the tiers of a step are told with their shares, best first, and not where there are none', () => {
  expect(tierParts({ tiers: { 'recall ≥ 0.7': 0.75, 'not found': 0.25, error: 0 } })).toEqual([
    { tier: 'recall ≥ 0.7', share: '75 %', width: '75.0%' },
    { tier: 'not found', share: '25 %', width: '25.0%' },
    { tier: 'error', share: '0 %', width: '0.0%' },
  ]);
  expect(tierParts({})).toEqual([]);
});
