/** What the form of a new evaluation holds, and the configuration that it stands for. Pure. */
import type { AccuracyRule } from '../evaluation/evaluation-types';
import type { SystemSettings } from '../agent/systems';
import { EVALUATION_PRESETS, GENERAL_SETS } from '../evaluation/presets';
import type { RetrievalMode } from '../protocol/retrieval';
import { formatLanes, rolesOf, type Lane } from './lanes';
import type { EndpointRole } from './endpoints.svelte';
import { readNumber, type NumberRange } from './number-range';
import { DEMO_CORPUS, DEMO_MODEL, ENDPOINT, LIMITS, type ModelChoice } from './settings';

export interface EvaluationDraft {
  name: string;
  systems: readonly Lane[];
  /** Sources: `demo:dev`, `hf:…`, `file:NAME`. */
  datasets: readonly string[];
  /** Numbers are kept as they are typed. Questions; empty: all. */
  limit: string;
  /** Whether the limit is for each set or for all of them together, as evenly as they go. */
  per: 'set' | 'all';
  /** Whole numbers between commas. */
  seeds: string;
  searcher: ModelChoice;
  generator: ModelChoice;
  /** Null: no judge. */
  judge: ModelChoice | null;
  corpus: string;
  retrieval: 'auto' | RetrievalMode;
  accuracy: AccuracyRule;
  mode: 'paper' | 'code';
  turns: string;
  concurrency: string;
  /** Of calls of models; empty: as they come. */
  requestsPerMinute: string;
  /** US dollars for a million tokens; both empty: not counted. */
  prices: { prompt: string; completion: string };
  /** Of the systems apart from s3, as a preset has them; not in the form. */
  parameters: SystemSettings;
}

export const EMPTY_DRAFT: EvaluationDraft = {
  name: '',
  systems: [{ system: 's3' }, { system: 'naive-rag' }],
  datasets: ['demo:dev'],
  limit: '20',
  per: 'set',
  seeds: '0',
  searcher: DEMO_MODEL,
  generator: DEMO_MODEL,
  judge: null,
  corpus: DEMO_CORPUS,
  retrieval: 'auto',
  accuracy: 'auto',
  mode: 'paper',
  turns: '3',
  concurrency: '1',
  requestsPerMinute: '',
  prices: { prompt: '', completion: '' },
  parameters: {},
};

/** Ten questions of the demo, by s3 and what it is most often compared with: done in a minute or two. */
export const QUICK_TEST: EvaluationDraft = {
  ...EMPTY_DRAFT,
  name: 'Quick test',
  systems: [{ system: 's3' }, { system: 'naive-rag' }, { system: 'naive-rag-bm25' }],
  limit: '10',
};

/** What people run often: where a form begins. Models, corpus and limits stay as they are. */
export type DraftPreset = 'demo-quick' | keyof typeof EVALUATION_PRESETS;
export const DRAFT_PRESETS = ['demo-quick', 'demo', 'quick-test', 'general'] as const satisfies DraftPreset[];

export function withPreset(draft: EvaluationDraft, preset: DraftPreset): EvaluationDraft {
  if (preset === 'demo-quick') {
    const { name, systems, datasets, limit, per, parameters } = QUICK_TEST;
    return { ...draft, name, systems, datasets, limit, per, parameters };
  }
  const { name, systems, datasets, sampling, ...rest } = EVALUATION_PRESETS[preset];
  return {
    ...draft,
    name,
    systems: systems.map((system) => ({ system })),
    datasets: datasets.map((one) => (typeof one === 'string' ? one : one.source)),
    limit: String(sampling.limit),
    per: sampling.per,
    parameters: 'parameters' in rest ? rest.parameters : {},
  };
}

/** The six general sets of the paper, as FlashRAG publishes them on the hub. */
export const GENERAL_SOURCES: readonly string[] = GENERAL_SETS.map(({ source }) => source);

/** The two endpoints of the page are one each for a role; a judge is asked where the generator is. */
export const modelReference = (choice: ModelChoice, role: EndpointRole): string =>
  choice === ENDPOINT ? `${ENDPOINT}:${role}` : choice;

/** Null where something other than whole numbers is typed. */
export function parseSeeds(text: string): number[] | null {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  const sound = parts.length > 0 && parts.length <= 20 && parts.every((part) => /^\d{1,9}$/.test(part));
  return sound ? [...new Set(parts.map(Number))] : null;
}

/** The form's fields for numbers: from, to, and whether they may be empty. */
export const NUMBER_FIELDS = {
  limit: [1, 1_000_000, true],
  turns: [...LIMITS.turns, false],
  concurrency: [1, 64, false],
  requestsPerMinute: [1, 100_000, true],
} as const;
export type NumberField = keyof typeof NUMBER_FIELDS;

export function rangeOf(field: NumberField): NumberRange {
  const [low, high, mayBeEmpty] = NUMBER_FIELDS[field];
  return { low, high, mayBeEmpty, whole: true };
}

/** Null for an empty field, undefined for what it does not take. */
export const parseNumber = (field: NumberField, text: string): number | null | undefined =>
  readNumber(text, rangeOf(field));

/** Dollars; 0 for an empty field, undefined for what is no price. */
export function parsePrice(text: string): number | undefined {
  const typed = text.trim();
  const value = /^(\d{1,5}(\.\d{0,6})?|\.\d{1,6})?$/.test(typed) ? Number(typed) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

export type DraftProblem = 'systems' | 'datasets' | 'seeds' | 'price' | NumberField;

/** The first thing that keeps the draft from being run, in the order of the form. */
export function draftProblem(draft: EvaluationDraft): DraftProblem | null {
  const { systems, datasets, seeds, prices } = draft;
  const isWrong = (field: NumberField): boolean => parseNumber(field, draft[field]) === undefined;
  if (systems.length === 0) return 'systems';
  if (datasets.length === 0) return 'datasets';
  if (isWrong('limit')) return 'limit';
  if (parseSeeds(seeds) === null) return 'seeds';
  const wrong = (['turns', 'concurrency', 'requestsPerMinute'] as const).find(isWrong);
  if (wrong) return wrong;
  return [prices.prompt, prices.completion].some((one) => parsePrice(one) === undefined) ? 'price' : null;
}

/** A system with models of its own is called after them; each label once. */
export function labelsOf(systems: readonly Lane[]): string[] {
  const plain = systems.map((lane) => formatLanes([lane]).split('*').filter(Boolean).join(' · '));
  return plain.map((label, at) => {
    const before = plain.slice(0, at).filter((other) => other === label).length;
    return before === 0 ? label : `${label} (${before + 1})`;
  });
}

/** As `readEvaluationConfig` takes it; of a draft without problems. */
export function configOf(draft: EvaluationDraft): Record<string, unknown> {
  const labels = labelsOf(draft.systems);
  const prompt = parsePrice(draft.prices.prompt) ?? 0;
  const completion = parsePrice(draft.prices.completion) ?? 0;
  return {
    name: draft.name.trim() || 'Evaluation',
    systems: draft.systems.map((lane, at) => {
      const own = rolesOf(lane).flatMap((role) => {
        const choice = lane[role];
        return choice === undefined ? [] : [[role, modelReference(choice, role)] as const];
      });
      return { system: lane.system, label: labels[at], ...Object.fromEntries(own) };
    }),
    datasets: draft.datasets,
    seeds: parseSeeds(draft.seeds) ?? [],
    models: {
      searcher: modelReference(draft.searcher, 'searcher'),
      generator: modelReference(draft.generator, 'generator'),
      ...(draft.judge !== null && { judge: modelReference(draft.judge, 'generator') }),
    },
    corpus: draft.corpus,
    retrieval: draft.retrieval,
    sampling: { limit: parseNumber('limit', draft.limit) ?? null, per: draft.per, seed: 42 },
    accuracy: draft.accuracy,
    settings: { mode: draft.mode, maxTurns: parseNumber('turns', draft.turns) },
    parameters: draft.parameters,
    limits: {
      concurrency: parseNumber('concurrency', draft.concurrency),
      requestsPerMinute: parseNumber('requestsPerMinute', draft.requestsPerMinute) ?? null,
    },
    ...(prompt + completion > 0 && { prices: { prompt, completion } }),
  };
}
