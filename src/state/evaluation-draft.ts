/** What the form of a new evaluation holds, and the configuration that it stands for. Pure. */
import type { AccuracyRule } from '../evaluation/evaluation-types';
import { GENERAL_SETS } from '../evaluation/presets';
import type { RetrievalMode } from '../protocol/retrieval';
import { formatLanes, rolesOf, type Lane } from './lanes';
import type { EndpointRole } from './endpoints.svelte';
import { DEMO_CORPUS, DEMO_MODEL, ENDPOINT, type ModelChoice } from './settings';

export interface EvaluationDraft {
  name: string;
  systems: readonly Lane[];
  /** Sources: `demo:dev`, `hf:…`, `file:NAME`. */
  datasets: readonly string[];
  /** Questions of each set; null: all. */
  limit: number | null;
  /** As they are typed: whole numbers between commas. */
  seeds: string;
  searcher: ModelChoice;
  generator: ModelChoice;
  /** Null: no judge. */
  judge: ModelChoice | null;
  corpus: string;
  retrieval: 'auto' | RetrievalMode;
  accuracy: AccuracyRule;
  mode: 'paper' | 'code';
  turns: number;
  concurrency: number;
  /** Of calls of models; null: as they come. */
  requestsPerMinute: number | null;
  /** US dollars for a million tokens; null: not counted. */
  prices: { prompt: number; completion: number } | null;
}

export const EMPTY_DRAFT: EvaluationDraft = {
  name: '',
  systems: [{ system: 's3' }, { system: 'naive-rag' }],
  datasets: ['demo:dev'],
  limit: 20,
  seeds: '0',
  searcher: DEMO_MODEL,
  generator: DEMO_MODEL,
  judge: null,
  corpus: DEMO_CORPUS,
  retrieval: 'auto',
  accuracy: 'auto',
  mode: 'paper',
  turns: 3,
  concurrency: 1,
  requestsPerMinute: null,
  prices: null,
};

/** Ten questions of the demo, by s3 and what it is most often compared with: done in a minute or two. */
export const QUICK_TEST: EvaluationDraft = {
  ...EMPTY_DRAFT,
  name: 'Quick test',
  systems: [{ system: 's3' }, { system: 'naive-rag' }, { system: 'naive-rag-bm25' }],
  limit: 10,
};

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

/** A system with models of its own is called after them; each label once. */
export function labelsOf(systems: readonly Lane[]): string[] {
  const plain = systems.map((lane) => formatLanes([lane]).split('*').filter(Boolean).join(' · '));
  return plain.map((label, at) => {
    const before = plain.slice(0, at).filter((other) => other === label).length;
    return before === 0 ? label : `${label} (${before + 1})`;
  });
}

/** As `readEvaluationConfig` takes it. */
export function configOf(draft: EvaluationDraft): Record<string, unknown> {
  const labels = labelsOf(draft.systems);
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
    sampling: { limit: draft.limit, per: 'set', seed: 42 },
    accuracy: draft.accuracy,
    settings: { mode: draft.mode, maxTurns: draft.turns },
    limits: { concurrency: draft.concurrency, requestsPerMinute: draft.requestsPerMinute },
    ...(draft.prices && { prices: draft.prices }),
  };
}
