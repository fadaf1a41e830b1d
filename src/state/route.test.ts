import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_QUESTION, formatHash, parseHash } from './route';
import { DEFAULT_LANES } from './lanes';
import { DEFAULT_SETTINGS, LIMITS } from './settings';

describe('the hash', () => {
  it('is empty but for the page when everything is default', () => {
    expect(
      formatHash({ page: 'ask', question: '', settings: { ...DEFAULT_SETTINGS }, lanes: DEFAULT_LANES }),
    ).toBe('#/ask');
  });

  it('keeps a question and the settings that differ', () => {
    const hash = formatHash({
      page: 'ask',
      question: 'Who founded the Harrow Lamp Guild & why?',
      settings: { ...DEFAULT_SETTINGS, turns: 2, mode: 'code' },
      lanes: DEFAULT_LANES,
    });
    expect(hash).toBe('#/ask?q=Who+founded+the+Harrow+Lamp+Guild+%26+why%3F&mode=code&turns=2');
  });

  it('comes back as it was written, whatever the state', () => {
    const settings = fc.record({
      corpus: fc.stringMatching(/^[\w.-]{1,64}$/),
      searcher: fc.stringMatching(/^[\w.-]{1,64}$/),
      generator: fc.stringMatching(/^[\w.-]{1,64}$/),
      retrieval: fc.constantFrom('dense' as const, 'bm25' as const, 'hybrid' as const),
      mode: fc.constantFrom('paper' as const, 'code' as const),
      found: fc.integer({ min: LIMITS.found[0], max: LIMITS.found[1] }),
      kept: fc.integer({ min: LIMITS.kept[0], max: LIMITS.kept[1] }),
      turns: fc.integer({ min: LIMITS.turns[0], max: LIMITS.turns[1] }),
      seed: fc.integer({ min: LIMITS.seed[0], max: LIMITS.seed[1] }),
      device: fc.constantFrom('auto' as const, 'webgpu' as const, 'cpu' as const),
    });
    const question = fc
      .string({ maxLength: 80 })
      .map((text) => parseHash(`#/ask?q=${encodeURIComponent(text)}`).question);
    fc.assert(
      fc.property(
        fc.constantFrom('ask', 'corpora', 'models', 'glossary'),
        question,
        settings,
        (page, q, s) => {
          const route = { page: page as 'ask', question: q, settings: s, lanes: DEFAULT_LANES };
          expect(parseHash(formatHash(route))).toEqual(route);
        },
      ),
    );
  });

  it('never throws and never leaves the limits, whatever comes in', () => {
    const keys = fc.constantFrom('q', 'found', 'seed', 'mode', '__proto__', 'constructor', 'corpus');
    const hostile = fc
      .array(fc.tuple(keys, fc.string()), { maxLength: 8 })
      .map((pairs) => `#/${pairs.map(([key, value]) => `${key}=${value}`).join('&')}`);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          hostile,
          hostile.map((h) => h.replace('#/', '#/ask?')),
        ),
        (hash) => {
          const route = parseHash(hash);
          expect(route.question.length).toBeLessThanOrEqual(MAX_QUESTION);
          expect(route.settings.found).toBeGreaterThanOrEqual(LIMITS.found[0]);
          expect(route.settings.found).toBeLessThanOrEqual(LIMITS.found[1]);
          expect(Object.keys(route.settings).sort()).toEqual(Object.keys(DEFAULT_SETTINGS).sort());
        },
      ),
      { numRuns: 10_000 },
    );
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('drops values out of range, unknown pages and markup in ids', () => {
    const route = parseHash(
      '#/nowhere?found=99999&seed=-4&mode=evil&corpus=<img src=x>&turns=2&base=http://evil',
    );
    expect(route).toEqual({
      ...{ page: 'ask', question: '', lanes: DEFAULT_LANES },
      settings: { ...DEFAULT_SETTINGS, turns: 2 },
    });
  });

  it('drops a hash of absurd length and control characters in a question', () => {
    expect(parseHash(`#/ask?q=${'a'.repeat(9000)}`).question).toBe('');
    expect(parseHash('#/ask?q=a%00b%E2%80%AEc').question).toBe('a b c');
  });
});
