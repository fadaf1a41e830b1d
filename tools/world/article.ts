import { AppError } from '../../src/protocol/errors';
import type { Passage } from '../../src/protocol/retrieval';
import { listOf } from './entities';
import { PROSE } from './prose';
import type { Random } from './random';
import { RELATIONS } from './relations';
import { compile, polish, render, slotsOf, type Template } from './template';
import { KINDS, type Entity, type Kind } from './types';

/** Bounds of a passage's length in words. */
export const MIN_WORDS = 30;
export const MAX_WORDS = 60;
/** Where a passage is already long enough, another detail is added only this often. */
const EXTRA_DETAIL = 0.12;
const ATTEMPTS = 60;

interface Sentence {
  template: Template;
  /** Whether it says what its subject is. */
  introduces: boolean;
  /** The facts it states. */
  keys: readonly string[];
}

interface CompiledProse {
  intro: readonly Sentence[];
  facts: readonly Sentence[];
  details: readonly Sentence[];
}

const COMPILED = new Map<Kind, CompiledProse>(
  KINDS.map((kind) => {
    const factKeys = new Set(RELATIONS[kind].map((relation) => relation.key));
    const sentence = (source: string, introduces: boolean): Sentence => {
      const template = compile(markReferences(source));
      return { template, introduces, keys: [...slotsOf(template)].filter((slot) => factKeys.has(slot)) };
    };
    const { intro, facts, details } = PROSE[kind];
    return [
      kind,
      {
        intro: intro.map((source) => sentence(source, true)),
        facts: facts.map((source) => sentence(source, false)),
        details: details.map((source) => sentence(source, false)),
      },
    ];
  }),
);

/**
 * `{r}`, a reference to the subject, may become a pronoun only where it is plainly the subject of a clause; elsewhere
 * it becomes `{n}`, always a name or a noun. ("Of it" and "it, opened in 1700, is" would be clumsy.)
 */
function markReferences(source: string): string {
  return source.replace(/\{r(:s)?\}/g, (slot: string, genitive: string | undefined, at: number) => {
    const leads = /(^|, |\} |that )$/.test(source.slice(0, at));
    const interrupted = /^(,| \()/.test(source.slice(at + slot.length));
    return leads && !interrupted ? slot : `{n${genitive ?? ''}}`;
  });
}

/** Writes a passage that states the facts named by `keys` and sets their `passageId`. */
export function writePassage(entity: Entity, keys: readonly string[], id: string, random: Random): Passage {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const text = compose(entity, keys, random);
    if (text === undefined) continue;
    for (const key of keys) {
      const fact = entity.facts.get(key);
      if (fact) fact.passageId = id;
    }
    return { id, title: entity.title, text, metadata: { kind: entity.kind } };
  }
  throw new AppError(
    'INTERNAL',
    `No passage of ${MIN_WORDS} to ${MAX_WORDS} words could be written for ${entity.title}.`,
    {
      fix: `Add shorter sentences to the prose of "${entity.kind}".`,
    },
  );
}

function compose(entity: Entity, keys: readonly string[], random: Random): string | undefined {
  const prose = COMPILED.get(entity.kind);
  if (!prose) return undefined;
  const left = new Set(keys);
  const take = (pool: readonly Sentence[]): Sentence | undefined => {
    const fitting = pool.filter((one) => one.keys.every((key) => left.has(key)));
    if (fitting.length === 0) return undefined;
    // The richer of two draws, so that sentences often join facts.
    const [one, other] = [random.pick(fitting), random.pick(fitting)];
    const chosen = other.keys.length > one.keys.length ? other : one;
    for (const key of chosen.keys) left.delete(key);
    return chosen;
  };
  const intro = take(prose.intro);
  if (!intro) return undefined;
  const body: Sentence[] = [];
  while (left.size > 0) {
    const next = take(prose.facts);
    if (!next) return undefined;
    body.push(next);
  }
  const shuffled = random.shuffle(body);
  // Most articles begin by saying what their subject is; some begin with a fact.
  shuffled.splice(shuffled.length > 0 && random.chance(0.15) ? 1 : 0, 0, intro);
  const details = random.shuffle(prose.details);
  let text = speak(entity, shuffled, random);
  for (let i = 0; wordsIn(text) < MIN_WORDS || shuffled.length < 3 || random.chance(EXTRA_DETAIL); i++) {
    const detail = details[i];
    if (!detail || wordsIn(text) > MAX_WORDS) return undefined;
    shuffled.splice(random.chance(0.7) ? shuffled.length : random.int(1, shuffled.length), 0, detail);
    text = speak(entity, shuffled, random);
  }
  const words = wordsIn(text);
  return words >= MIN_WORDS && words <= MAX_WORDS ? text : undefined;
}

export const wordsIn = (text: string): number => text.split(' ').length;

/** Sentence by sentence; the subject is named in full at first and shortly afterwards, as long as that is unmistakable. */
function speak(entity: Entity, sentences: readonly Sentence[], random: Random): string {
  let mentioned = false;
  const spoken = sentences.map((sentence, i) => {
    const name = (pronounAllowed: boolean): string => {
      if (i === 0) return entity.mention;
      // "The guild is a guild" would be silly.
      if (sentence.introduces) return pronounAllowed && !mentioned ? entity.pronoun : entity.mention;
      const roll = random.float();
      if (pronounAllowed && !mentioned && roll < 0.6) return entity.pronoun;
      return roll < 0.9 ? entity.short : entity.mention;
    };
    const used = new Set<string>();
    const text = render(sentence.template, random, (slot) => {
      if (slot === 'r' || slot === 'n') return name(slot === 'r');
      if (slot === 'r:s' || slot === 'n:s') return genitive(name(slot === 'r:s'));
      if (slot === 'he') return entity.pronoun;
      if (slot === 'him') return OBJECT[entity.pronoun];
      if (slot === 'his') return POSSESSIVE[entity.pronoun];
      if (slot.startsWith('~')) {
        const fresh = listOf(slot.slice(1)).filter((word) => !used.has(word));
        const word = random.pick(fresh);
        used.add(word);
        return word;
      }
      return entity.facts.get(slot)?.value ?? '';
    });
    mentioned = sentence.keys.some((key) => entity.facts.get(key)?.target !== undefined);
    return polish(text);
  });
  return spoken.join(' ');
}

const OBJECT = { he: 'him', she: 'her', it: 'it' } as const;
const POSSESSIVE = { he: 'his', she: 'her', it: 'its' } as const;

function genitive(name: string): string {
  if (name === 'he' || name === 'she' || name === 'it') return POSSESSIVE[name];
  return name.endsWith('s') ? `${name}'` : `${name}'s`;
}
