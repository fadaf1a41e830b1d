import { describe, expect, it } from 'vitest';
import { TITLES } from './names';
import { PROSE } from './prose';
import { Random } from './random';
import { RELATIONS } from './relations';
import { compile, polish, render, slotsOf } from './template';
import { KINDS } from './types';
import { WORDS } from './words';

describe('templates', () => {
  it('fill slots and choose between options, also nested ones', () => {
    const template = compile('A [big|small [red|blue]] {thing}.');
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) seen.add(render(template, new Random(String(i)), () => 'kite'));
    expect([...seen].sort()).toEqual(['A big kite.', 'A small blue kite.', 'A small red kite.']);
  });

  it('refuse brackets that do not close', () => {
    for (const source of ['{r', '[a|b', 'a]', 'a|b']) expect(() => compile(source)).toThrow(/unbalanced/);
  });

  it('spell the article by what follows it', () => {
    expect(polish('a owl saw a hare and A Anchor')).toBe('An owl saw a hare and An Anchor');
  });
});

const isReference = (slot: string) => ['r', 'r:s', 'he', 'his', 'him'].includes(slot);

describe.each(KINDS)('the prose of a %s', (kind) => {
  const { intro, facts, details } = PROSE[kind];
  const keys = new Set(RELATIONS[kind].map(({ key }) => key));
  const all = [...intro, ...facts, ...details];

  it('uses only slots that something fills', () => {
    for (const source of all) {
      for (const slot of slotsOf(compile(source))) {
        const list = slot.startsWith('~') ? WORDS[slot.slice(1)] : undefined;
        expect(
          isReference(slot) || keys.has(slot) || (list?.length ?? 0) > 0,
          `{${slot}} in "${source}"`,
        ).toBe(true);
      }
    }
  });

  it('states a fact whichever option is chosen', () => {
    for (const source of all) {
      const sure = slotsOf(compile(source), true);
      for (const slot of slotsOf(compile(source))) if (keys.has(slot)) expect(sure, source).toContain(slot);
    }
  });

  it('refers to its subject in every sentence', () => {
    for (const source of all) expect(source.match(/\{r(:s)?\}/g)?.length, source).toBeGreaterThan(0);
  });

  it('can state every fact by itself, in at least two ways, and can introduce its subject without any', () => {
    const statements = facts.map((source) => [...slotsOf(compile(source))].filter((slot) => keys.has(slot)));
    for (const key of keys) {
      expect(
        statements.filter((slots) => slots.length === 1 && slots[0] === key).length,
        key,
      ).toBeGreaterThanOrEqual(2);
    }
    expect(intro.some((source) => ![...slotsOf(compile(source))].some((slot) => keys.has(slot)))).toBe(true);
    for (const source of details)
      expect([...slotsOf(compile(source))].some((slot) => keys.has(slot))).toBe(false);
  });

  it('has for every relation a description that ends with its subject', () => {
    for (const { target, phrase } of RELATIONS[kind]) {
      if (target) expect(phrase?.some((one) => one.endsWith('{x}'))).toBe(true);
      else expect(phrase).toBeUndefined();
    }
  });
});

it('has an invented word in every title pattern', () => {
  for (const pattern of Object.values(TITLES).flat()) expect(pattern).toContain('{X}');
});
