/**
 * The world generator: a fictional encyclopaedia and multi-hop questions over it. It uses nothing but its seed: no
 * clock, no platform, no floating-point function whose digits could differ between machines.
 */
import { AppError } from '../../src/protocol/errors';
import { writePassage } from './article';
import { makeEntities } from './entities';
import { Namer } from './names';
import { makeLookups, makeQuestions } from './questions';
import { Random } from './random';
import type { Entity, World, WorldOptions } from './types';
import { ORDINARY_WORDS } from './vocabulary';

/** Raised whenever the same seed begins to give another world. */
export const GENERATOR_VERSION = 1;
/** The share of passages that are the second one about their entity. */
const SECOND_PASSAGES = 0.04;
const MIN_PASSAGES = 12;

/** A whole world; the same options give the same world. Throws `BAD_INPUT` for a world too small for its questions. */
export function generateWorld(options: WorldOptions): World {
  const { seed, split } = options;
  const { random, entities, passages } = generatePassages(options);
  const questions = makeQuestions(random.fork('questions'), entities, options.questions, split);
  return { seed, split, passages, questions };
}

/** The passages of `generateWorld` with every one-hop question about them: reading exercises. */
export function generateLookups(options: WorldOptions): World {
  const { seed, split } = options;
  const { random, entities, passages } = generatePassages(options);
  return { seed, split, passages, questions: makeLookups(random.fork('lookups'), entities, split) };
}

function generatePassages({ seed, split, passages: size, questions: count }: WorldOptions) {
  if (!Number.isInteger(size) || size < MIN_PASSAGES || !Number.isInteger(count) || count < 0) {
    throw new AppError('BAD_INPUT', `A world of ${size} passages and ${count} questions cannot be made.`, {
      fix: `Ask for at least ${MIN_PASSAGES} passages.`,
    });
  }
  const random = new Random(`${split}:${seed}`);
  const namer = new Namer(random.fork('names'), split, ORDINARY_WORDS);
  const seconds = Math.floor(size * SECOND_PASSAGES);
  const entities = makeEntities(random.fork('entities'), namer, size - seconds);

  const prose = random.fork('prose');
  const written = prose.shuffle(planPassages(entities, seconds, prose));
  const passages = written.map(({ entity, keys }, i) =>
    writePassage(entity, keys, `${split}-${String(i).padStart(4, '0')}`, prose),
  );
  return { random, entities, passages };
}

/** Which facts go into which passage: all into one, or for a few rich entities into two. */
function planPassages(
  entities: readonly Entity[],
  seconds: number,
  random: Random,
): { entity: Entity; keys: string[] }[] {
  const rich = random.shuffle(entities.filter((entity) => entity.facts.size >= 4));
  const twice = new Set(rich.slice(0, seconds));
  const plan: { entity: Entity; keys: string[] }[] = [];
  for (const entity of entities) {
    const keys = random.shuffle([...entity.facts.keys()]);
    if (!twice.has(entity)) {
      plan.push({ entity, keys });
      continue;
    }
    const half = Math.ceil(keys.length / 2);
    plan.push({ entity, keys: keys.slice(0, half) }, { entity, keys: keys.slice(half) });
  }
  return plan;
}
