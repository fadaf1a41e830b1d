import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SYSTEM_IDS } from '../protocol/trace';
import { DEFAULT_LANES, formatLanes, laneIds, MAX_LANES, parseLanes, rolesOf, settingsFor } from './lanes';
import { DEFAULT_SETTINGS } from './settings';

const choice = fc.stringMatching(/^[\w.-]{1,20}$/);
const lane = fc.record(
  { system: fc.constantFrom(...SYSTEM_IDS), searcher: choice, generator: choice },
  { requiredKeys: ['system'] },
);

describe('the systems of a question in a link', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(lane, { minLength: 1, maxLength: MAX_LANES }), (lanes) => {
        expect(parseLanes(formatLanes(lanes))).toEqual(lanes);
      }),
    );
  });

  it('are refused whole where one is unknown, names no model, or there are too many', () => {
    for (const text of ['', 's4', 's3*a/b', 's3*a*b*c', 's3 s3 s3 s3', 's3 <b>']) {
      expect(parseLanes(text)).toBeNull();
    }
  });

  it('never make the reader throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseLanes(text)));
  });
});

it('a lane runs with its own models, and with the settings for all else', () => {
  const settings = settingsFor({ system: 's3', searcher: 'mine..rl' }, { ...DEFAULT_SETTINGS, seed: 4 });
  expect(settings).toEqual({ ...DEFAULT_SETTINGS, seed: 4, searcher: 'mine..rl' });
});

it('only models that a system uses are asked for', () => {
  expect(rolesOf({ system: 's3' })).toEqual(['searcher', 'generator']);
  expect(rolesOf({ system: 'naive-rag' })).toEqual(['generator']);
  expect(rolesOf({ system: 'search-r1' })).toEqual(['searcher']);
});

it('two lanes of one system have different names', () => {
  expect(laneIds(DEFAULT_LANES)).toEqual(['s3', 'naive-rag']);
  expect(laneIds([{ system: 's3' }, { system: 's3' }, { system: 's3' }])).toEqual(['s3', 's3-2', 's3-3']);
});
