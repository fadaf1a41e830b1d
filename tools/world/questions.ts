import { AppError } from '../../src/protocol/errors';
import { COMPARED } from './comparisons';
import type { Random } from './random';
import { RELATIONS } from './relations';
import type { Entity, Fact, PlanStep, Relation, WorldQuestion } from './types';

/** A question before it has its number. */
type Draft = Omit<WorldQuestion, 'id'>;
type Form = 'one' | 'two' | 'three' | 'comparison';

const SHARES: readonly [Form, number][] = [
  ['one', 0.2],
  ['two', 0.4],
  ['three', 0.2],
  ['comparison', 0.2],
];
/** Draws in a row without a new question before a form counts as exhausted. */
const PATIENCE = 1000;
const MAX_QUERY_WORDS = 6;

/** Makes `count` different questions in shuffled order. Throws `BAD_INPUT` where the world is too small for so many. */
export function makeQuestions(
  random: Random,
  entities: readonly Entity[],
  count: number,
  prefix: string,
): WorldQuestion[] {
  const seen = new Set<string>();
  const drafts: Draft[] = [];
  const fill = (form: Form, wanted: number): number => {
    let made = 0;
    for (let misses = 0; made < wanted && misses < PATIENCE; misses++) {
      const draft = form === 'comparison' ? compare(random, entities) : follow(random, entities, HOPS[form]);
      if (!draft || seen.has(draft.question)) continue;
      seen.add(draft.question);
      drafts.push(draft);
      made++;
      misses = 0;
    }
    return made;
  };
  const quotas = SHARES.map(([form, share]): [Form, number] => [form, Math.floor(share * count)]);
  let left = count;
  for (const [form, quota] of quotas) left -= fill(form, quota);
  // Rounding and, in tiny worlds, forms that ran out.
  for (const form of ['two', 'one', 'three', 'comparison'] as const) left -= left > 0 ? fill(form, left) : 0;
  if (left > 0) {
    throw new AppError(
      'BAD_INPUT',
      `A world of ${entities.length} entities does not hold ${count} questions.`,
      {
        fix: 'Ask for fewer questions or for more passages.',
      },
    );
  }
  return random
    .shuffle(drafts)
    .map((draft, i) => ({ id: `${prefix}-q${String(i).padStart(4, '0')}`, ...draft }));
}

/** Every one-hop question that the passages answer, in the entities' order. */
export function makeLookups(random: Random, entities: readonly Entity[], prefix: string): WorldQuestion[] {
  const lookups = entities.flatMap((entity) =>
    RELATIONS[entity.kind].flatMap((relation): Draft[] => {
      const fact = entity.facts.get(relation.key);
      if (!fact) return [];
      const question = phrase(random, entity, [], relation);
      if (givesAway(question, [], fact)) return [];
      const plan = [step(random, entity, fact, relation.hint)];
      return [
        {
          question,
          answers: fact.answers,
          hops: 1,
          kind: 'lookup',
          gold: plan.map((p) => p.passageId),
          plan,
        },
      ];
    }),
  );
  return lookups.map((draft, i) => ({ id: `${prefix}-l${String(i).padStart(4, '0')}`, ...draft }));
}

const HOPS = { one: 1, two: 2, three: 3 } as const;

/** Walks along relations from a random entity: the last step asks, the steps before describe. */
function follow(random: Random, entities: readonly Entity[], hops: 1 | 2 | 3): Draft | undefined {
  const start = random.pick(entities);
  const visited: Entity[] = [start];
  const relations: Relation[] = [];
  const plan: PlanStep[] = [];
  let entity = start;
  for (let hop = 1; ; hop++) {
    const options = RELATIONS[entity.kind].filter((relation) => {
      const fact = entity.facts.get(relation.key);
      return fact !== undefined && (hop === hops || fact.target !== undefined);
    });
    if (options.length === 0) return undefined;
    const relation = random.pick(options);
    const fact = entity.facts.get(relation.key);
    if (!fact) return undefined;
    plan.push(step(random, entity, fact, relation.hint));
    if (hop === hops) {
      const question = phrase(random, start, relations, relation);
      if (givesAway(question, visited.slice(1), fact)) return undefined;
      const gold = plan.map((one) => one.passageId);
      return { question, answers: fact.answers, hops, kind: hops === 1 ? 'lookup' : 'bridge', gold, plan };
    }
    if (!fact.target || visited.includes(fact.target)) return undefined;
    relations.push(relation);
    entity = fact.target;
    visited.push(entity);
  }
}

/**
 * "Where was the author of A born?" A clause that ends in a verb ("the town where A lived") stands only at the very end,
 * so that verbs never pile up.
 */
function phrase(random: Random, start: Entity, relations: readonly Relation[], asked: Relation): string {
  const ask = random.pick(asked.ask);
  let described = start.mention;
  relations.forEach((relation, i) => {
    const phrases = relation.phrase ?? [];
    const outermost = i === relations.length - 1;
    const free = i === 0 && outermost && ask.endsWith('{x}?');
    const options = free ? phrases : phrases.filter((one) => one.endsWith('{x}'));
    described = random.pick(options).replace('{x}', () => described);
  });
  const question = ask.replace('{x}', () => described);
  return question.charAt(0).toUpperCase() + question.slice(1);
}

/** True where the question holds a name it should lead to: a bridge, or the answer. */
function givesAway(question: string, bridges: readonly Entity[], fact: Fact): boolean {
  const text = question.toLowerCase();
  const hidden = fact.target ? [...bridges, fact.target] : bridges;
  return (
    hidden.some((entity) => entity.roots.some((root) => text.includes(root))) ||
    fact.answers.some((answer) => text.includes(answer.toLowerCase()))
  );
}

function compare(random: Random, entities: readonly Entity[]): Draft | undefined {
  const a = random.pick(entities);
  const comparison = COMPARED[a.kind];
  if (!comparison) return undefined;
  const b = random.pick(entities.filter((entity) => entity.kind === a.kind));
  const factA = a.facts.get(comparison.key);
  const factB = b.facts.get(comparison.key);
  if (!factA || !factB || a.year === b.year) return undefined;
  const wantsEarlier = random.chance(0.6);
  const winner = a.year < b.year === wantsEarlier ? a : b;
  const question = random
    .pick(wantsEarlier ? comparison.earlier : comparison.later)
    .replace('{a}', () => a.mention)
    .replace('{b}', () => b.mention);
  const plan = [step(random, a, factA, comparison.hint), step(random, b, factB, comparison.hint)];
  return {
    question,
    answers: [winner.title],
    hops: 2,
    kind: 'comparison',
    gold: plan.map((one) => one.passageId),
    plan,
  };
}

function step(random: Random, entity: Entity, fact: Fact, hints: readonly string[]): PlanStep {
  const room = MAX_QUERY_WORDS - entity.title.split(' ').length;
  const short = hints.filter((hint) => hint.split(' ').length <= room);
  const hint = random.pick(short.length > 0 ? short : hints);
  return { entity: entity.title, query: `${entity.title} ${hint}`, passageId: fact.passageId };
}
