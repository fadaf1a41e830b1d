import { describe, expect, it } from 'vitest';
import type { Passage } from '../../src/protocol/retrieval';
import { MAX_WORDS, MIN_WORDS } from './article';
import { generateWorld } from './generate';
import { splitOfName } from './names';
import type { Split, World, WorldQuestion } from './types';
import { ORDINARY_WORDS, TITLE_WORDS } from './vocabulary';

const SPLITS: readonly Split[] = ['train', 'dev', 'test'];
const worlds: World[] = SPLITS.flatMap((split) =>
  ['a', 'b', 'c', 'd'].map((seed, i) =>
    generateWorld({ seed, split, passages: [60, 200, 400, 1000][i] ?? 200, questions: 200 }),
  ),
);
const cases = worlds.map((world): [string, World] => [`${world.split}/${world.seed}`, world]);

const passageOf = (world: World): ((id: string | undefined) => Passage) => {
  const byId = new Map(world.passages.map((passage) => [passage.id, passage]));
  return (id) => {
    const passage = byId.get(id ?? '');
    if (!passage) throw new Error(`There is no passage ${id ?? 'without an id'}.`);
    return passage;
  };
};
const bridges = (world: World) => world.questions.filter(({ kind }) => kind === 'bridge');
const comparisons = (world: World) => world.questions.filter(({ kind }) => kind === 'comparison');
/** The invented words of a title. */
const roots = (title: string) =>
  title
    .toLowerCase()
    .split(' ')
    .filter((word) => !TITLE_WORDS.has(word));

describe.each(cases)('the world %s', (_, world) => {
  const passage = passageOf(world);

  it('has as many passages as asked for, under ids of their own', () => {
    const wanted = { a: 60, b: 200, c: 400, d: 1000 }[world.seed];
    expect(world.passages).toHaveLength(wanted ?? 0);
    expect(new Set(world.passages.map(({ id }) => id)).size).toBe(world.passages.length);
  });

  it('keeps every passage between 30 and 60 words, opening with the name of its subject in the first sentence', () => {
    for (const { title, text } of world.passages) {
      const words = text.split(/\s+/).length;
      expect(words, text).toBeGreaterThanOrEqual(MIN_WORDS);
      expect(words, text).toBeLessThanOrEqual(MAX_WORDS);
      expect(text.split('. ')[0], text).toContain(title);
    }
  });

  it('fills every template', () => {
    const texts = [
      ...world.passages.map(({ text }) => text),
      ...world.questions.map(({ question }) => question),
    ];
    for (const text of texts) {
      expect(text).not.toMatch(/[[\]{}|]| {2}| [,.?]|undefined|\b(an|the|a) (an|the|a)\b|\b[Aa] [aeiou]/);
    }
  });

  it('asks different questions of four forms, 20/40/20/20', () => {
    const { questions } = world;
    expect(questions).toHaveLength(200);
    expect(new Set(questions.map(({ id }) => id)).size).toBe(200);
    expect(new Set(questions.map(({ question }) => question)).size).toBe(200);
    const share = (test: (question: WorldQuestion) => boolean) => questions.filter(test).length;
    expect(share(({ kind, hops }) => kind === 'lookup' && hops === 1)).toBe(40);
    expect(share(({ kind, hops }) => kind === 'bridge' && hops === 2)).toBe(80);
    expect(share(({ kind, hops }) => kind === 'bridge' && hops === 3)).toBe(40);
    expect(share(({ kind, hops }) => kind === 'comparison' && hops === 2)).toBe(40);
  });

  it('holds every answer verbatim in the last gold passage', () => {
    for (const { kind, gold, answers } of world.questions) {
      if (kind === 'comparison') continue;
      expect(answers.length).toBeGreaterThan(0);
      for (const answer of answers) expect(passage(gold.at(-1)).text).toContain(answer);
    }
  });

  it('answers comparisons with one of the two names, decided by years in both gold passages', () => {
    for (const { question, answers, gold } of comparisons(world)) {
      const [a, b] = gold.map(passage);
      expect([a?.title, b?.title]).toContain(answers[0]);
      expect(question).toContain(a?.title);
      expect(question).toContain(b?.title);
      for (const one of [a, b]) expect(one?.text).toMatch(/\b1\d{3}\b/);
    }
  });

  it('names each next entity in the passage before it and never in the question', () => {
    for (const { question, plan, gold, answers } of bridges(world)) {
      plan.slice(1).forEach(({ entity }, i) => {
        expect(passage(gold[i]).text).toContain(entity);
        for (const root of roots(entity)) expect(question.toLowerCase()).not.toContain(root);
      });
      for (const answer of answers) expect(question.toLowerCase()).not.toContain(answer.toLowerCase());
    }
  });

  it('begins every lookup and bridge with an entity that the question names', () => {
    for (const { question, plan, kind } of world.questions) {
      if (kind !== 'comparison') expect(question.toLowerCase()).toContain(plan[0]?.entity.toLowerCase());
    }
  });

  it('plans one short query per gold passage, with the title and a hint', () => {
    for (const { plan, gold } of world.questions) {
      expect(plan.map(({ passageId }) => passageId)).toEqual(gold);
      for (const { entity, query, passageId } of plan) {
        expect(passage(passageId).title).toBe(entity);
        expect(query.startsWith(`${entity} `)).toBe(true);
        expect(query.split(' ').length).toBeLessThanOrEqual(6);
      }
    }
  });

  it('gives every entity a name of its own', () => {
    const kindsByTitle = new Map<string, number>();
    for (const { title } of world.passages) kindsByTitle.set(title, (kindsByTitle.get(title) ?? 0) + 1);
    const twice = [...kindsByTitle.values()].filter((count) => count > 1);
    expect(Math.max(...kindsByTitle.values())).toBeLessThanOrEqual(2);
    expect(twice.length).toBe(Math.floor(world.passages.length * 0.04));
  });

  it('uses invented words of its own split alone', () => {
    for (const { title } of world.passages) {
      const invented = roots(title);
      expect(invented.length, title).toBeGreaterThan(0);
      for (const root of invented) expect(splitOfName(root), title).toBe(world.split);
    }
  });
});

describe('worlds', () => {
  it('are the same for the same seed, byte by byte, and differ for another', () => {
    const make = (seed: string) =>
      JSON.stringify(generateWorld({ seed, split: 'dev', passages: 120, questions: 60 }));
    expect(make('x')).toBe(make('x'));
    expect(make('x')).not.toBe(make('y'));
  });

  it('keep the names of the splits apart over many seeds', () => {
    const names = new Map<string, Split>();
    const shared: string[] = [];
    for (const split of SPLITS) {
      for (let seed = 0; seed < 20; seed++) {
        const { passages } = generateWorld({ seed: String(seed), split, passages: 150, questions: 0 });
        for (const root of passages.flatMap(({ title }) => roots(title))) {
          if ((names.get(root) ?? split) !== split) shared.push(root);
          names.set(root, split);
        }
      }
    }
    expect(shared).toEqual([]);
    expect(names.size).toBeGreaterThan(3000);
  });

  it('can be tiny', () => {
    for (let seed = 0; seed < 40; seed++) {
      for (const size of [12, 16, 25]) {
        const world = generateWorld({ seed: String(seed), split: 'train', passages: size, questions: size });
        expect(world.passages).toHaveLength(size);
        expect(world.questions).toHaveLength(size);
      }
    }
  });

  it('refuse sizes that cannot be', () => {
    const make = (passages: number, questions: number) => () =>
      generateWorld({ seed: 's', split: 'dev', passages, questions });
    expect(make(5, 5)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    expect(make(NaN, 5)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
    expect(make(12, 100_000)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  it('stay within a vocabulary that a small model can learn, and still use most of it', () => {
    const seen = new Set<string>();
    for (const { passages, questions } of worlds) {
      const texts = [...passages.map(({ text }) => text), ...questions.map(({ question }) => question)];
      for (const word of texts
        .join(' ')
        .toLowerCase()
        .match(/\p{L}+/gu) ?? [])
        if (ORDINARY_WORDS.has(word)) seen.add(word);
    }
    expect(ORDINARY_WORDS.size).toBeLessThanOrEqual(2500);
    expect(seen.size).toBeGreaterThanOrEqual(1500);
  });

  it('spread their passages over a varied language: hardly any sentence skeleton repeats itself', () => {
    const world = worlds.find(({ passages }) => passages.length === 1000);
    const skeletons = new Map<string, number>();
    for (const { text } of world?.passages ?? []) {
      for (const sentence of text.split('. ')) {
        const skeleton = sentence.replace(/\p{Lu}\p{L}+|\d+/gu, '_').replace(/(_ )+/g, '_ ');
        skeletons.set(skeleton, (skeletons.get(skeleton) ?? 0) + 1);
      }
    }
    expect(skeletons.size).toBeGreaterThan(1500);
    expect(Math.max(...skeletons.values())).toBeLessThan(60);
  });
});
