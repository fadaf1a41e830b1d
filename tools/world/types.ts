import type { Passage } from '../../src/protocol/retrieval';

/** Each split has names of its own; see `splitOfName`. */
export type Split = 'train' | 'dev' | 'test';

/** One search that an expert would make. */
export interface PlanStep {
  /** Title of the entity looked up in this hop. */
  entity: string;
  /** A short keyword query that finds it: its title and a hint of the relation wanted. */
  query: string;
  passageId: string;
}

export interface WorldQuestion {
  id: string;
  question: string;
  /** The first one is canonical. */
  answers: string[];
  hops: 1 | 2 | 3;
  kind: 'lookup' | 'bridge' | 'comparison';
  /** Passage ids in hop order. */
  gold: string[];
  /** One step for each gold passage, in order. */
  plan: PlanStep[];
}

export interface World {
  seed: string;
  split: Split;
  passages: Passage[];
  questions: WorldQuestion[];
}

export interface WorldOptions {
  seed: string;
  split: Split;
  /** Number of passages, at least 12. */
  passages: number;
  /** Number of questions. */
  questions: number;
}

export const KINDS = [
  'person',
  'town',
  'river',
  'lake',
  'mountain',
  'guild',
  'book',
  'ship',
  'bridge',
  'festival',
  'lighthouse',
  'school',
  'theatre',
  'museum',
  'garden',
  'painting',
  'opera',
  'inn',
  'bell',
  'cheese',
] as const;
export type Kind = (typeof KINDS)[number];

/** What an entity's article is made of; all strings are templates (see `template.ts`). */
export interface KindProse {
  /** How later sentences may call it, for example "the guild"; unused for people, who go by their family name. */
  noun: string;
  /** Sentences that say what it is; they may state facts, too. */
  intro: readonly string[];
  /** Sentences that state one or more facts. */
  facts: readonly string[];
  /** Sentences that state none. */
  details: readonly string[];
}

/** A functional relation or attribute of one kind of entity. */
export interface Relation {
  /** The slot in the prose that states it. */
  key: string;
  /** The kind it leads to; absent for a plain value such as a year. */
  target?: Kind;
  /** Questions; `{x}` is the entity or a description of it. */
  ask: readonly string[];
  /** Descriptions of the target, `{x}` being the entity; present exactly where `target` is. */
  phrase?: readonly string[];
  /** Keywords for a search. */
  hint: readonly string[];
}

export interface Entity {
  kind: Kind;
  title: string;
  /** The title as it stands within a sentence, with its article where it has one. */
  mention: string;
  /** How the article goes on to call it. */
  short: string;
  /** `he`, `she` or `it`. */
  pronoun: 'he' | 'she' | 'it';
  /** The invented words of the title, lower case. */
  roots: string[];
  /** Year of birth, founding, launching …; 0 where there is none. */
  year: number;
  facts: Map<string, Fact>;
}

export interface Fact {
  /** As the passage says it. */
  value: string;
  /** Where the value is an entity. */
  target?: Entity;
  answers: string[];
  /** Set once the passage that states it is written. */
  passageId: string;
}
