import { compile, render, spellArticles, type Template } from './template';
import { TITLES, type Namer } from './names';
import { PROSE } from './prose';
import type { Random } from './random';
import { RELATIONS } from './relations';
import { KINDS, type Entity, type Fact, type Kind } from './types';
import { WORDS } from './words';

/** Shares of a world's entities. */
const SHARES: Record<Kind, number> = {
  person: 34,
  town: 11,
  river: 5,
  lake: 3,
  mountain: 4,
  guild: 5,
  book: 6,
  ship: 4,
  bridge: 4,
  festival: 3,
  lighthouse: 3,
  school: 3,
  theatre: 2,
  museum: 2,
  garden: 2,
  painting: 3,
  opera: 2,
  inn: 2,
  bell: 1.5,
  cheese: 1.5,
};

/** Trades that suit the maker of a thing. */
const CALLINGS: Partial<Record<Kind, string>> = {
  town: 'maker',
  lake: 'mapper',
  mountain: 'climber',
  book: 'writer',
  ship: 'shipwright',
  bridge: 'maker',
  school: 'scholar',
  museum: 'scholar',
  theatre: 'maker',
  painting: 'artist',
  opera: 'musician',
  inn: 'cook',
  bell: 'smith',
  cheese: 'cook',
};

const TITLE_PATTERNS = new Map<Kind, readonly Template[]>(
  KINDS.filter((kind) => kind !== 'person').map((kind) => [kind, TITLES[kind].map(compile)]),
);

const MENTORED = 0.6;
const MARRIED = 0.4;
const EDUCATED = 0.5;
const SETTLED = 0.4;
/** More would not fit into a person's passage. */
const MOST_FACTS = 5;
const SHARED_FAMILY_NAME = 0.06;

export const listOf = (name: string): readonly string[] => WORDS[name] ?? [];

/** All entities of a world with their facts; nothing is written yet. Facts without a candidate are left out. */
export function makeEntities(random: Random, namer: Namer, count: number): Entity[] {
  const numbers = countKinds(random, count);
  const of = new Map<Kind, Entity[]>();
  for (const kind of KINDS) {
    const made: Entity[] = [];
    for (let i = 0; i < (numbers.get(kind) ?? 0); i++) {
      made.push(kind === 'person' ? makePerson(random, namer, made) : makeThing(kind, random, namer));
    }
    of.set(kind, made);
  }
  const people = of.get('person') ?? [];
  const callings = new Map<Entity, string>();
  linkPeople(random, people);
  for (const kind of KINDS) {
    if (kind === 'person') continue;
    for (const thing of of.get(kind) ?? []) linkThing(thing, random, of, callings);
  }
  for (const someone of people) settlePerson(someone, random, of, callings);
  return KINDS.flatMap((kind) => of.get(kind) ?? []);
}

/** Whole parts by share, the rest by lot, at least three people and two towns. */
function countKinds(random: Random, count: number): Map<Kind, number> {
  const numbers = new Map<Kind, number>();
  const total = KINDS.reduce((sum, kind) => sum + SHARES[kind], 0);
  let left = count;
  for (const kind of KINDS) {
    const floor = kind === 'person' ? 3 : kind === 'town' ? 2 : 0;
    const number = Math.min(left, Math.max(floor, Math.floor((SHARES[kind] / total) * count)));
    numbers.set(kind, number);
    left -= number;
  }
  const lots = random.shuffle(
    KINDS.flatMap((kind) => Array.from({ length: Math.ceil(SHARES[kind]) }, () => kind)),
  );
  for (let i = 0; left > 0; i++, left--) {
    const kind = lots[i % lots.length] ?? 'person';
    numbers.set(kind, (numbers.get(kind) ?? 0) + 1);
  }
  return numbers;
}

function makePerson(random: Random, namer: Namer, others: readonly Entity[]): Entity {
  const given = namer.root('given');
  const relative = others.length > 3 && random.chance(SHARED_FAMILY_NAME) ? random.pick(others) : undefined;
  const family = relative?.short ?? namer.root('family');
  const title = `${given} ${family}`;
  return {
    kind: 'person',
    title,
    mention: title,
    short: family,
    pronoun: random.chance(0.5) ? 'he' : 'she',
    roots: [given.toLowerCase(), family.toLowerCase()],
    year: 0,
    facts: new Map(),
  };
}

function makeThing(kind: Exclude<Kind, 'person'>, random: Random, namer: Namer): Entity {
  const root = namer.root('place');
  const drawn = render(random.pick(TITLE_PATTERNS.get(kind) ?? []), random, (slot) =>
    slot === 'X' ? root : random.pick(listOf(slot.slice(1))),
  );
  const mention = spellArticles(drawn);
  return {
    kind,
    title: mention.replace(/^the /, ''),
    mention,
    short: PROSE[kind].noun,
    pronoun: 'it',
    roots: [root.toLowerCase()],
    year: 0,
    facts: new Map(),
  };
}

/** Years of birth, mentors (always older) and marriages, each told in one of the two articles only. */
function linkPeople(random: Random, people: readonly Entity[]): void {
  const married = new Set<Entity>();
  people.forEach((someone, i) => {
    const older = people.slice(0, i);
    const mentors = older.filter((other) => other.year < 1830);
    const partners = older.filter((other) => !married.has(other));
    if (mentors.length > 0 && random.chance(MENTORED)) {
      const mentor = random.pick(mentors);
      someone.year = mentor.year + random.int(16, 40);
      someone.facts.set('mentor', entityFact(mentor));
    }
    const near = partners.filter((other) => someone.year === 0 || Math.abs(other.year - someone.year) <= 9);
    if (near.length > 0 && random.chance(MARRIED)) {
      const spouse = random.pick(near);
      if (someone.year === 0) someone.year = spouse.year + random.int(-6, 6);
      if (someone.facts.get('mentor')?.target !== spouse) {
        someone.facts.set('spouse', entityFact(spouse));
        married.add(someone).add(spouse);
      }
    }
    if (someone.year === 0) someone.year = random.int(1580, 1760);
    someone.facts.set('born', valueFact(String(someone.year)));
  });
}

/** Fills in the facts of a thing; its year fits the life of the person behind it. */
function linkThing(
  thing: Entity,
  random: Random,
  of: ReadonlyMap<Kind, readonly Entity[]>,
  callings: Map<Entity, string>,
): void {
  for (const relation of RELATIONS[thing.kind]) {
    if (!relation.target) continue;
    const candidates = of.get(relation.target) ?? [];
    if (candidates.length === 0) continue;
    const target = random.pick(candidates);
    thing.facts.set(relation.key, entityFact(target));
    if (target.kind !== 'person') continue;
    thing.year = target.year + random.int(22, 58);
    const calling = CALLINGS[thing.kind];
    if (calling !== undefined && !callings.has(target)) callings.set(target, calling);
  }
  if (thing.kind === 'town') thing.year = random.int(1050, 1480);
  if (thing.year === 0) thing.year = random.int(1640, 1860);
  for (const relation of RELATIONS[thing.kind]) {
    if (!relation.target) thing.facts.set(relation.key, attribute(thing, relation.key, random));
  }
}

function settlePerson(
  someone: Entity,
  random: Random,
  of: ReadonlyMap<Kind, readonly Entity[]>,
  callings: ReadonlyMap<Entity, string>,
): void {
  const towns = of.get('town') ?? [];
  const calling = callings.get(someone);
  const trades = listOf(calling !== undefined && random.chance(0.6) ? calling : 'trade');
  someone.facts.set('trade', valueFact(random.pick(trades)));
  const birthplace = random.pick(towns);
  someone.facts.set('birthplace', entityFact(birthplace));
  const schools = (of.get('school') ?? []).filter((school) => school.year <= someone.year + 8);
  if (schools.length > 0 && someone.facts.size < MOST_FACTS && random.chance(EDUCATED)) {
    someone.facts.set('school', entityFact(random.pick(schools)));
  }
  const elsewhere = towns.filter((town) => town !== birthplace);
  if (elsewhere.length > 0 && someone.facts.size < MOST_FACTS && random.chance(SETTLED)) {
    someone.facts.set('home', entityFact(random.pick(elsewhere)));
  }
}

function attribute(thing: Entity, key: string, random: Random): Fact {
  switch (key) {
    case 'height':
      return thing.kind === 'mountain'
        ? measure(random.int(58, 290) * 10 + random.int(0, 9), 'metres')
        : measure(random.int(12, 48), 'metres');
    case 'length':
      return measure(random.int(24, 480), 'kilometres');
    case 'depth':
      return measure(random.int(18, 320), 'metres');
    case 'weight':
      return measure(random.int(4, 90) * 100, 'kilograms');
    case 'seats':
      return valueFact(String(random.int(12, 98) * 10));
    case 'emblem':
      return valueFact(`${random.pick(listOf('tincture'))} ${random.pick(listOf('beast'))}`);
    case 'product':
    case 'subject':
    case 'month':
    case 'collection':
    case 'tree':
    case 'dish':
    case 'leaf':
    case 'timber':
      return valueFact(random.pick(listOf(key)));
    case 'material':
      return valueFact(random.pick(listOf('stone')));
    default:
      return valueFact(String(thing.year));
  }
}

const valueFact = (value: string): Fact => ({ value, answers: [value], passageId: '' });

const measure = (amount: number, unit: string): Fact => ({
  value: `${amount} ${unit}`,
  answers: [`${amount} ${unit}`, String(amount)],
  passageId: '',
});

/** A river may be answered without its "River". */
function entityFact(target: Entity): Fact {
  const short = target.kind === 'river' ? [target.title.replace('River ', '')] : [];
  return { value: target.mention, target, answers: [target.title, ...short], passageId: '' };
}
