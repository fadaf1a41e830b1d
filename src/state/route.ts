/**
 * The state of the page in the URL's hash: `#/ask?q=…&turns=2`. Only keys that differ from the defaults are written. A hash
 * comes from anywhere, so every key goes through a schema of its own; what does not fit is dropped, never trusted.
 * What is secret or decides where data go (keys, endpoint addresses) has no key here.
 */
import * as v from 'valibot';
import { RETRIEVAL_MODES } from '../protocol/retrieval';
import { DEFAULT_LANES, formatLanes, parseLanes, type Lane } from './lanes';
import { DEFAULT_SETTINGS, LIMITS, type RunSettings } from './settings';

export const PAGES = ['ask', 'corpora', 'models', 'train', 'evaluate', 'glossary'] as const;
export type PageId = (typeof PAGES)[number];

export interface Route {
  page: PageId;
  question: string;
  settings: RunSettings;
  /** The systems that a question is put to. */
  lanes: readonly Lane[];
}

const MAX_HASH = 8_192;
export const MAX_QUESTION = 1_000;

const id = v.pipe(v.string(), v.regex(/^[\w.-]{1,128}$/));
/** Of one corpus, or of several that are searched as one. */
const corpora = v.pipe(v.string(), v.regex(/^[\w.-]{1,128}(?:\+[\w.-]{1,128}){0,15}$/));
const whole = ([low, high]: readonly [number, number]) =>
  v.pipe(v.string(), v.regex(/^\d{1,10}$/), v.transform(Number), v.minValue(low), v.maxValue(high));

const QUERY = {
  corpus: corpora,
  searcher: id,
  generator: id,
  retrieval: v.picklist(RETRIEVAL_MODES),
  mode: v.picklist(['paper', 'code']),
  found: whole(LIMITS.found),
  kept: whole(LIMITS.kept),
  turns: whole(LIMITS.turns),
  seed: whole(LIMITS.seed),
  device: v.picklist(['auto', 'webgpu', 'cpu']),
} as const;

const KEYS = Object.keys(QUERY) as (keyof typeof QUERY)[];

// Control characters and bidirectional overrides have no place in a question and can disguise one.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

export const cleanQuestion = (text: string): string => text.replace(UNSAFE, ' ').slice(0, MAX_QUESTION);

function parseSettings(query: URLSearchParams): RunSettings {
  const given: Record<string, unknown> = {};
  for (const key of KEYS) {
    const raw = query.get(key);
    if (raw === null) continue;
    const parsed = v.safeParse(QUERY[key], raw);
    if (parsed.success) given[key] = parsed.output;
  }
  return { ...DEFAULT_SETTINGS, ...given };
}

/** Never throws: a hash that makes no sense is the Ask page with the defaults. */
export function parseHash(hash: string): Route {
  const body = hash.length > MAX_HASH ? '' : hash.replace(/^#\/?/, '');
  const [path = '', ...rest] = body.split('?');
  const query = new URLSearchParams(rest.join('?'));
  const page = PAGES.find((known) => known === path) ?? 'ask';
  const lanes = parseLanes(query.get('systems') ?? '') ?? DEFAULT_LANES;
  return {
    page,
    question: cleanQuestion(query.get('q') ?? '').trim(),
    settings: parseSettings(query),
    lanes,
  };
}

export function formatHash(route: Route): string {
  const query = new URLSearchParams();
  if (route.question) query.set('q', route.question);
  const systems = formatLanes(route.lanes);
  if (systems !== formatLanes(DEFAULT_LANES)) query.set('systems', systems);
  for (const key of KEYS) {
    if (route.settings[key] !== DEFAULT_SETTINGS[key]) query.set(key, String(route.settings[key]));
  }
  const tail = query.toString();
  return `#/${route.page}${tail ? `?${tail}` : ''}`;
}
