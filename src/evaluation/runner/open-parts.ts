/** Opens what the systems of an evaluation need and puts each one's parts together. */
import { SYSTEMS } from '../../agent/system-facts';
import type { SystemParts, SystemSettings } from '../../agent/systems';
import type { Clock } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';
import type { Retriever } from '../../protocol/retrieval';
import type { EvaluatedSystem, EvaluationConfig } from '../evaluation-types';
import type { EvaluationLaboratory, OnLoading, OpenedModel } from './laboratory';
import { RateLimit, rateLimited } from './rate-limit';

export interface OpenedParts {
  /** By label. */
  systems: ReadonlyMap<string, Omit<SystemParts, 'clock'>>;
  judge: LanguageModel | undefined;
}

/** Models of this machine have no room for the long responses that these systems ask of a server. */
const LOCAL_RESPONSE = 500;

export async function openParts(
  config: EvaluationConfig,
  laboratory: EvaluationLaboratory,
  clock: Clock,
  onLoading: OnLoading,
  signal: AbortSignal,
): Promise<OpenedParts> {
  const { limits } = config;
  const limit =
    limits.requestsPerMinute === null ? undefined : new RateLimit(limits.requestsPerMinute, clock);
  const opened = new Map<string, OpenedModel>();
  const open = async (reference: string): Promise<OpenedModel> => {
    const known = opened.get(reference);
    if (known) return known;
    onLoading(`Opening the model ${reference}`);
    const fresh = await laboratory.openModel(reference, onLoading, signal);
    const model = limit ? rateLimited(fresh.model, limit) : fresh.model;
    opened.set(reference, { ...fresh, model });
    return { ...fresh, model };
  };

  const facts = config.systems.map(({ system }) => SYSTEMS[system].retriever);
  const needs = { given: facts.includes('given'), bm25: facts.includes('bm25') };
  const retrievers =
    needs.given || needs.bm25
      ? await laboratory.openRetrievers(config.corpus, config.retrieval, needs, onLoading, signal)
      : undefined;
  const systems = new Map<string, Omit<SystemParts, 'clock'>>();
  for (const system of config.systems) {
    const generator = await open(system.generator ?? config.models.generator);
    // A system without a searcher must not wait for one.
    const searching = SYSTEMS[system.system].searcher;
    const searcher = searching ? await open(system.searcher ?? config.models.searcher) : generator;
    systems.set(system.label, {
      searcher: searcher.model,
      generator: generator.model,
      retriever: retrievers?.retriever ?? NO_RETRIEVER,
      ...(retrievers?.bm25 && { bm25: retrievers.bm25 }),
      settings: { ...searcher.search, ...config.settings, ...system.settings },
      systems: parametersOf(config, system, searcher.local),
    });
  }
  const judge = config.models.judge === undefined ? undefined : await open(config.models.judge);
  return { systems, judge: judge?.model };
}

function parametersOf(config: EvaluationConfig, system: EvaluatedSystem, local: boolean): SystemSettings {
  const bound = local ? { responseTokens: LOCAL_RESPONSE } : {};
  const [own, all] = [system.parameters, config.parameters];
  return {
    deepretrieval: { ...all.deepretrieval, ...own?.deepretrieval },
    searchR1: { ...all.searchR1, ...own?.searchR1 },
    ircot: { ...all.ircot, ...own?.ircot },
    ircotS3: { ...bound, ...all.ircotS3, ...own?.ircotS3 },
    searchO1: { ...bound, ...all.searchO1, ...own?.searchO1 },
    searchO1S3: { ...bound, ...all.searchO1S3, ...own?.searchO1S3 },
  };
}

/** For systems that never search. */
const NO_RETRIEVER: Retriever = {
  search: () =>
    Promise.reject(
      new AppError('INTERNAL', 'A system without retrieval searched.', { fix: 'Tell the authors.' }),
    ),
};
