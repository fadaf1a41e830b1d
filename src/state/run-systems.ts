/** The systems as the Ask page runs them: which models and which searches each needs, and how it is made from them. */
import { createNaiveRag } from '../agent/naive-rag';
import { createS3 } from '../agent/s3';
import type { S3Settings } from '../agent/settings';
import { SYSTEMS } from '../agent/system-facts';
import type { SystemSettings } from '../agent/systems';
import { AppError } from '../protocol/errors';
import type { LanguageModel } from '../protocol/language-model';
import type { RetrievalMode, Retriever } from '../protocol/retrieval';
import type { System } from '../protocol/system';
import type { SystemId } from '../protocol/trace';
import type { EndpointRole } from './endpoints.svelte';
import type { ModelOption } from './laboratory';
import { rolesOf } from './lanes';
import { ENDPOINT, foundIn, type RunSettings } from './settings';

export interface NeededRun {
  system: SystemId;
  settings: RunSettings;
}

/** Every model that the runs need, each choice once for each role. */
export function neededModels(runs: readonly NeededRun[]): { role: EndpointRole; settings: RunSettings }[] {
  const seen = new Set<string>();
  return runs.flatMap(({ system, settings }) =>
    rolesOf({ system }).flatMap((role) => {
      const name = `${role} ${settings[role]}`;
      if (seen.has(name)) return [];
      seen.add(name);
      return [{ role, settings }];
    }),
  );
}

/** Every way in which the runs search their corpus; closed-book systems do not. */
export function neededSearches(runs: readonly NeededRun[]): { corpus: string; mode: RetrievalMode }[] {
  const searches = new Map<string, { corpus: string; mode: RetrievalMode }>();
  for (const { system, settings } of runs) {
    const { retriever } = SYSTEMS[system];
    if (retriever === 'none') continue;
    const mode = retriever === 'bm25' ? 'bm25' : settings.retrieval;
    searches.set(`${mode} ${settings.corpus}`, { corpus: settings.corpus, mode });
  }
  return [...searches.values()];
}

/** An embedded searcher starts from what it was trained with; any other model gets the paper's instructions. */
export function s3SettingsOf(settings: RunSettings, searcher: ModelOption | undefined): Partial<S3Settings> {
  return {
    mode: settings.mode,
    documentsPerQuery: foundIn(settings, searcher?.search?.documentsPerQuery),
    documentsSelected: settings.kept,
    maxTurns: settings.turns,
    promptStyle: searcher?.search?.promptStyle ?? 'full',
  };
}

/** A searcher that learned one of these protocols here finds as many documents as it did then. */
function trainedWith(
  system: SystemId,
  searcher: ModelOption | undefined,
): { settings?: Partial<S3Settings>; systems?: SystemSettings } {
  const documentsPerQuery = searcher?.search?.documentsPerQuery;
  if (documentsPerQuery === undefined) return {};
  if (system.startsWith('search-r1') && searcher?.trainedFor === 'search-r1') {
    return { systems: { searchR1: { documentsPerQuery } } };
  }
  // Its one search is its first.
  if (system === 'deepretrieval' && searcher?.trainedFor === 'deepretrieval') {
    return { settings: { initialDocuments: documentsPerQuery } };
  }
  return {};
}

/** Search-o1 writes up to 8,192 tokens at once, which no model in a tab has room for. */
const SHORT = { responseTokens: 500 };
const IN_A_TAB: SystemSettings = { ircotS3: SHORT, searchO1: SHORT, searchO1S3: SHORT };

export interface RunParts {
  /** Of the role, as the settings of the run say; asked only for what the system needs. */
  model: (role: EndpointRole) => LanguageModel;
  retriever: (mode: RetrievalMode) => Retriever;
  searcher: ModelOption | undefined;
  clock: () => number;
}

export async function systemFor({ system, settings }: NeededRun, parts: RunParts): Promise<System> {
  const { clock } = parts;
  const roles = rolesOf({ system });
  const [first = 'generator'] = roles;
  const searcher = parts.model(roles.includes('searcher') ? 'searcher' : first);
  const generator = parts.model(roles.includes('generator') ? 'generator' : first);
  const retriever = parts.retriever(settings.retrieval);
  // What the page opens with comes with it; the others are fetched when one of them is first run.
  if (system === 'naive-rag') {
    return createNaiveRag({ generator, retriever, clock, settings: { mode: settings.mode } });
  }
  const given = s3SettingsOf(settings, parts.searcher);
  if (system === 's3') return createS3({ searcher, generator, retriever, clock, settings: given });
  const { makeSystem } = await import('../agent/systems').catch((cause: unknown) => {
    throw new AppError('NETWORK', `${SYSTEMS[system].title} could not be loaded: no connection.`, {
      fix: 'Check the connection and try again.',
      recoverable: true,
      cause,
    });
  });
  return makeSystem(system, {
    ...{ searcher, generator, retriever, clock, bm25: parts.retriever('bm25') },
    settings: { ...given, ...trainedWith(system, parts.searcher).settings },
    systems: {
      ...(settings.searcher !== ENDPOINT && IN_A_TAB),
      ...trainedWith(system, parts.searcher).systems,
    },
  }).system;
}
